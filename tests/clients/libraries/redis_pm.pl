# Redis.pm: one request after the other, or with callbacks many at a time.

use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use Redis;
use Time::HiRes qw(sleep time);

$| = 1;
my $outage = qr/PROXY(OPEN|DOWN|LOST|TIMEOUT) /;
my $server = "$ENV{REDIS_HOST}:$ENV{REDIS_PORT}";
my $is_well = 1;

sub ask {
  print "? @_\n";
  my $answer = <STDIN>;
  chomp $answer;
  die "@_: $answer" if $answer ne 'yes';
}

sub check {
  my ($name, $body) = @_;
  return print "ok $name\n" if eval { $body->(); 1 };
  $is_well = 0;
  print "not ok $name\n$@\n";
}

sub text { my ($it) = @_; ref $it ? join(' ', map { text($_) } @$it) : $it // 'undef' }

sub equal {
  my ($seen, $wanted) = map { text($_) } @_;
  die "'$seen' is not '$wanted' at line " . (caller)[2] if $seen ne $wanted;
}

sub fails {
  my ($pattern, $body) = @_;
  die 'no error at line ' . (caller)[2] if eval { $body->(); 1 };
  die "'$@' is not like $pattern" if $@ !~ $pattern;
}

sub connect_to { Redis->new(server => $server, reconnect => 10, every => 50_000, @_) }

check 'connect', sub {
  my $redis = connect_to(name => 'orders-web');
  equal $redis->ping, 'PONG';
  equal $redis->client_getname, 'orders-web';
  die if $redis->client_list !~ / name=orders-web /;
  die if !$redis->info->{redis_version};
};

check 'lanes', sub {
  my @clients = map { connect_to() } 1 .. 5;
  $clients[$_]->set("lane$_", $_) for 0 .. 4;
  ask 'lanes main/db0/resp2=1';
  my @popped;
  $clients[$_]->blpop('jobs', 5, sub { push @popped, $_[0][1] }) for 0, 1;
  ask 'lanes main/db0/resp2=1 pinned=2';
  $clients[2]->rpush('jobs', 'a', 'b');
  $clients[$_]->wait_all_responses for 0, 1;
  equal join(' ', sort @popped), 'a b';
  my $elsewhere = connect_to();
  $elsewhere->select(3);
  $elsewhere->ping;
  ask 'lanes main/db0/resp2=1 main/db3/resp2=1';
};

check 'readme', sub {
  for my $written (@ENV{qw(README_TCP README_UNIX)}) {
    my $redis = eval $written or die "$written: $@";
    $redis->set('readme', $written);
    equal $redis->get('readme'), $written;
  }
};

check 'unix', sub {
  my $redis = Redis->new(sock => $ENV{REDIS_SOCKET}, on_connect => sub { $_[0]->select(2) });
  $redis->set('where', 'unix');
  my $other = connect_to();
  $other->select(2);
  equal $other->get('where'), 'unix';
};

check 'login', sub {
  my $redis = connect_to(username => $ENV{REDIS_USER}, password => $ENV{REDIS_USER_PASSWORD});
  equal $redis->acl('WHOAMI'), $ENV{REDIS_USER};
  equal connect_to(password => $ENV{REDIS_PASSWORD})->acl('WHOAMI'), 'default';
};

check 'wrong password', sub {
  fails qr/WRONGPASS/, sub {
    Redis->new(server => $server, username => $ENV{REDIS_USER}, password => 'wrong')->ping;
  };
};

check 'database', sub {
  my ($zero, $one) = (connect_to(), connect_to(on_connect => sub { $_[0]->select(1) }));
  $zero->set('where', 'zero');
  $one->set('where', 'one');
  equal $zero->get('where'), 'zero';
  $zero->select(1);
  equal $zero->get('where'), 'one';
};

check 'errors', sub {
  my $redis = connect_to();
  $redis->set('text', 'abc');
  fails qr/\[incr\] ERR value is not/, sub { $redis->incr('text') };
  fails qr/ERR unknown command/, sub { $redis->nosuchcommand };
  fails qr/NOPERM command denied by proxy policy/, sub { $redis->replconf('capa', 'eof') };
};

check 'pipeline', sub {
  my $redis = connect_to();
  my @replies;
  for my $i (0 .. 499) {
    $redis->set("p$i", $i, sub { });
    $redis->get("p$i", sub { push @replies, $_[0] });
  }
  $redis->incr('text', sub { push @replies, $_[1] =~ /^ERR/ ? 'error' : 'none' });
  $redis->wait_all_responses;
  equal \@replies, [0 .. 499, 'error'];
};

check 'transaction', sub {
  my ($redis, $other) = (connect_to(), connect_to());
  $redis->set('stock', 5);
  $redis->multi;
  equal $redis->decr('stock'), 'QUEUED';
  $redis->get('stock');
  equal [$redis->exec], [4, 4];
  $redis->watch('stock');
  $other->set('stock', 9);
  $redis->multi;
  $redis->decr('stock');
  equal scalar($redis->exec), undef;
  my $taken;
  $redis->multi(sub { });
  $redis->decr('stock', sub { });
  $redis->exec(sub { $taken = $_[0] });
  $redis->wait_all_responses;
  equal text($taken) =~ /8/ ? 'taken' : text($taken), 'taken';
  $redis->set('stock', 1);
};

check 'script', sub {
  my $redis = connect_to();
  my $lua = "local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}";
  $redis->set('left', 10);
  my $reserve = sub {
    my @left = eval { $redis->evalsha(sha1_hex($lua), 1, 'left', 3) };
    return @left if !$@;
    die $@ if $@ !~ /NOSCRIPT/;
    return $redis->eval($lua, 1, 'left', 3);
  };
  equal [$reserve->()], [7, 3];
  equal [$reserve->()], [4, 3];
  $redis->script_flush;
  equal [$reserve->()], [1, 3];
  fails qr/SOLD out/, sub { $redis->eval("return redis.error_reply('SOLD out')", 0) };
};

check 'pubsub', sub {
  my ($redis, $other, @got) = (connect_to(), connect_to());
  my $note = sub { push @got, join ' ', map { $_ // '-' } @_ };
  $redis->subscribe('a', 'b', $note);
  $redis->psubscribe('a*', $note);
  $other->publish('a', '1');
  $other->publish('b', '22');
  my $end = time + 15;
  $redis->wait_for_messages(0.1) while @got < 3 && time < $end;
  equal [sort @got], ['1 a a', '1 a a*', '22 b b'];
  $redis->unsubscribe('a', 'b', $note);
  $redis->punsubscribe('a*', $note);
  equal $redis->get('stock'), 1;
};

check 'stream', sub {
  my $redis = connect_to();
  $redis->xgroup('CREATE', 'orders', 'billing', '$', 'MKSTREAM');
  my @read = qw(GROUP billing w1 COUNT 10 BLOCK);
  ask 'later XADD orders * item rope';
  my ($stream) = $redis->xreadgroup(@read, 5000, 'STREAMS', 'orders', '>');
  my ($id, $fields) = @{ $stream->[1][0] };
  equal $fields, ['item', 'rope'];
  equal(($redis->xpending('orders', 'billing'))[0], 1);
  equal $redis->xack('orders', 'billing', $id), 1;
  equal(($redis->xpending('orders', 'billing'))[0], 0);
  equal scalar($redis->xreadgroup(@read, 50, 'STREAMS', 'orders', '>')), undef;
};

check 'blocking', sub {
  my $redis = connect_to();
  ask 'later LPUSH b:2 two';
  equal [$redis->brpop('b:1', 'b:2', 5)], ['b:2', 'two'];
  ask 'later RPUSH b:3 three';
  equal $redis->brpoplpush('b:3', 'b:4', 5), 'three';
  equal scalar($redis->blpop('b:1', '0.05')), undef;
};

check 'big values', sub {
  my $redis = connect_to();
  my $value = join('', map { chr } 0 .. 255) x (8 * 4096);
  $redis->set('big', $value);
  die 'another value' if $redis->get('big') ne $value;
  $redis->del('big');
};

check 'scan', sub {
  my $redis = connect_to();
  $redis->mset(map { ("mine:s$_", $_) } 0 .. 499);
  my ($cursor, %seen) = (0);
  do {
    ($cursor, my $keys) = $redis->scan($cursor, 'MATCH', 'mine:s*', 'COUNT', 50);
    $seen{$_} = 1 for @$keys;
  } while ($cursor);
  equal scalar(keys %seen), 500;
};

# Asks for words, singly and many at a time, until `count` turns went well, or if that is 0 until the first
# error, which is given. A wrong word ends it.
sub words {
  my ($redis, $count) = @_;
  my ($good, $turn, $end) = (0, 0, time + 15);
  until ($count && $good >= $count) {
    die "no words within 15 s: $@" if time > $end;
    $turn++;
    my ($reply, @words);
    my $went_well = eval {
      $reply = $redis->eval('return ARGV[1]', 0, "w$turn");
      for my $i (0 .. 4) {
        $redis->eval('return ARGV[1]', 0, "p$turn-$i", sub { push @words, $_[0] // $_[1] });
      }
      $redis->wait_all_responses;
      1;
    };
    my $error = $@ || (grep { $_ =~ $outage } @words)[0];
    if (!$error) {
      equal [$reply, @words], ["w$turn", map { "p$turn-$_" } 0 .. 4];
      $good++;
      next;
    }
    return $error if !$count;
    ($good, $@) = (0, $error);
    sleep 0.005;
  }
}

check 'redis restarts', sub {
  my $redis = connect_to();
  words($redis, 20);
  $redis->set('kept', 'yes');
  ask 'kill';
  my $error = words($redis, 0);
  die "'$error'" if $error !~ $outage;
  ask 'start';
  words($redis, 20);
  equal $redis->get('kept'), 'yes';
};

check 'hawser restarts', sub {
  my $redis = connect_to();
  words($redis, 20);
  ask 'hawser restart';
  words($redis, 20);
};

exit($is_well ? 0 : 1);
