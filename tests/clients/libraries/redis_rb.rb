# redis-rb, with the connection it opens itself again.

require 'redis'

$stdout.sync = true
ADDRESS = { host: ENV['REDIS_HOST'], port: ENV['REDIS_PORT'].to_i, reconnect_attempts: 3, reconnect_delay: 0.05 }.freeze
OUTAGE = /^PROXY(OPEN|DOWN|LOST|TIMEOUT) /
$is_well = true

def ask(question)
  puts "? #{question}"
  answer = $stdin.gets.strip
  raise "#{question}: #{answer}" if answer != 'yes'
end

def check(name)
  yield
  puts "ok #{name}"
rescue Exception => error
  $is_well = false
  puts "not ok #{name}", error.full_message(highlight: false)
end

def equal(seen, wanted)
  raise "#{seen.inspect} is not #{wanted.inspect}" if seen != wanted
end

def fails(kind, pattern)
  yield
rescue kind => error
  raise "'#{error.message}' is not like #{pattern}" unless error.message.match?(pattern)
else
  raise "no #{kind}"
end

def eventually(what)
  finish = Time.now + 15
  until yield
    raise "not within 15 s: #{what}" if Time.now > finish
    sleep 0.01
  end
end

def connect(**more) = Redis.new(**ADDRESS, **more)

check('connect') do
  redis = connect(id: 'orders-web')
  equal redis.ping, 'PONG'
  equal redis.client(:setname, 'orders-web'), 'OK'
  equal redis.client(:getname), 'orders-web'
  equal redis.client(:list).any? { |one| one['name'] == 'orders-web' }, true
  equal redis.info['redis_version'].nil?, false
end

check('lanes') do
  clients = Array.new(5) { connect }
  clients.each_with_index { |redis, i| redis.set("lane#{i}", i) }
  ask 'lanes main/db0/resp2=1'
  workers = Array.new(2) { Thread.new { connect.blpop('jobs', timeout: 5)[1] } }
  ask 'lanes main/db0/resp2=1 pinned=2'
  clients[2].rpush('jobs', %w[a b])
  equal workers.map(&:value).sort, %w[a b]
  clients[1].publish('news', 'first')
  connect(db: 3).ping
  ask 'lanes main/db0/resp2=1 main/db3/resp2=1 publisher=1'
end

check('readme') do
  [ENV['README_TCP'], ENV['README_UNIX']].each do |written|
    redis = eval(written)
    redis.set('readme', written)
    equal redis.get('readme'), written
  end
end

check('unix') do
  Redis.new(path: ENV['REDIS_SOCKET'], db: 2).set('where', 'unix')
  equal connect(db: 2).get('where'), 'unix'
end

check('login') do
  url = "redis://#{ENV['REDIS_USER']}:#{ENV['REDIS_USER_PASSWORD']}@#{ADDRESS[:host]}:#{ADDRESS[:port]}/0"
  equal Redis.new(url: url).call('ACL', 'WHOAMI'), ENV['REDIS_USER']
  equal connect(password: ENV['REDIS_PASSWORD']).call('ACL', 'WHOAMI'), 'default'
end

check('wrong password') do
  fails(Redis::CommandError, /^WRONGPASS/) { connect(username: ENV['REDIS_USER'], password: 'wrong').ping }
end

check('database') do
  zero, one = connect, connect(db: 1)
  zero.set('where', 'zero')
  one.set('where', 'one')
  equal zero.get('where'), 'zero'
  zero.select(1)
  equal zero.get('where'), 'one'
end

check('errors') do
  redis = connect
  redis.set('text', 'abc')
  fails(Redis::CommandError, /^ERR value is not/) { redis.incr('text') }
  fails(Redis::CommandError, /^ERR unknown command/) { redis.call('NOSUCHCOMMAND') }
  fails(Redis::CommandError, /^NOPERM command denied by proxy policy/) { redis.call('REPLCONF', 'capa', 'eof') }
end

check('pipeline') do
  replies = connect.pipelined { |pipe| 500.times { |i| pipe.set("p#{i}", i); pipe.get("p#{i}") } }
  equal replies, 500.times.flat_map { |i| ['OK', i.to_s] }
end

check('transaction') do
  redis, other = connect, connect
  redis.set('stock', 5)
  equal redis.multi { |block| block.decr('stock'); block.get('stock') }, [4, '4']
  redis.watch('stock') do
    other.set('stock', 9)
    equal redis.multi { |block| block.decr('stock') }, nil
  end
  redis.watch('stock') { equal redis.multi { |block| block.decr('stock') }, [8] }
  redis.watch('stock') { redis.unwatch }
  redis.set('stock', 1)
end

check('script') do
  redis = connect
  lua = "local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}"
  digest = redis.script(:load, lua)
  redis.set('left', 10)
  equal redis.evalsha(digest, ['left'], [3]), [7, '3']
  redis.script(:flush)
  fails(Redis::CommandError, /^NOSCRIPT/) { redis.evalsha(digest, ['left'], [3]) }
  equal redis.eval(lua, ['left'], [3]), [4, '3']
  equal redis.evalsha(digest, keys: ['left'], argv: [1]), [3, '1']
  fails(Redis::CommandError, /^SOLD out/) { redis.eval("return redis.error_reply('SOLD out')") }
end

check('pubsub') do
  got = []
  ask 'later PUBLISH b last'
  redis = connect
  redis.subscribe('a', 'b') do |on|
    on.message { |channel, message| got << [channel, message]; redis.unsubscribe }
  end
  ask 'later PUBLISH c2 by-pattern'
  redis.psubscribe('c*') do |on|
    on.pmessage { |*words| got << words; redis.punsubscribe }
  end
  equal got, [%w[b last], %w[c* c2 by-pattern]]
  equal redis.get('stock'), '1'
end

check('stream') do
  redis = connect
  redis.xgroup(:create, 'orders', 'billing', '$', mkstream: true)
  ask 'later XADD orders * item rope'
  redis.xreadgroup('billing', 'w1', 'orders', '>', block: 5000)['orders'] => [[id, fields]]
  equal fields, { 'item' => 'rope' }
  equal redis.xpending('orders', 'billing')['size'], 1
  equal redis.xack('orders', 'billing', id), 1
  equal redis.xpending('orders', 'billing')['size'], 0
  equal redis.xreadgroup('billing', 'w1', 'orders', '>', block: 50), {}
end

check('blocking') do
  redis = connect
  ask 'later LPUSH b:2 two'
  equal redis.brpop('b:1', 'b:2', timeout: 5), %w[b:2 two]
  ask 'later RPUSH b:3 three'
  equal redis.blmove('b:3', 'b:4', 'LEFT', 'RIGHT', timeout: 5), 'three'
  equal redis.blpop('b:1', timeout: 0.05), nil
end

check('big values') do
  redis = connect
  value = (0..255).to_a.pack('C*') * (8 * 4096)
  redis.set('big', value)
  equal redis.get('big').b == value, true
  redis.del('big')
end

check('scan') do
  redis = connect
  redis.mapped_mset(500.times.to_h { |i| ["mine:s#{i}", i] })
  equal redis.scan_each(match: 'mine:s*', count: 50).to_a.uniq.size, 500
  redis.mapped_hmset('h', 300.times.to_h { |i| ["f#{i}", i] })
  equal redis.hscan_each('h', count: 50).to_h.size, 300
end

# Four threads on connections of their own, and four on one, ask for words of theirs during a fault.
def survives(kinds)
  shared = connect
  clients = Array.new(4) { connect } + [shared] * 4
  good = [0] * 8
  errors = [0] * 8
  wrong = []
  over = false
  threads = clients.each_with_index.map do |redis, index|
    Thread.new do
      turn = 0
      until over
        word = "#{index}-#{turn += 1}"
        begin
          reply = redis.eval('return ARGV[1]', [], [word])
          wrong << [word, reply] if reply != word
          good[index] += 1
        rescue Redis::BaseError => error
          errors[index] += 1
          wrong << error unless kinds.call(error)
          sleep 0.005
        end
      end
    end
  end
  eventually('all get their words') { good.min >= 20 }
  yield -> { eventually('all see the fault') { errors.min >= 1 } }
  good.fill(0)
  eventually('all get their words again') { good.min >= 20 }
ensure
  over = true
  threads.each(&:join)
  equal wrong, []
end

def hears(subscriber)
  eventually('the subscriber hears again') do
    connect.publish('state', 'after')
    subscriber.join(0.05)
  end
end

# A thread that ends when it has heard a message; redis-rb leaves it to its user to subscribe again.
def listener
  Thread.new do
    redis = connect
    redis.subscribe('state') { |on| on.message { redis.unsubscribe } }
  rescue Redis::BaseError
    sleep 0.05
    retry
  end
end

check('redis restarts') do
  subscriber = listener
  connect.set('kept', 'yes')
  survives(->(error) { error.is_a?(Redis::CommandError) && error.message.match?(OUTAGE) }) do |failing|
    ask 'kill'
    failing.call
    ask 'start'
  end
  equal connect.get('kept'), 'yes'
  hears(subscriber)
end

check('hawser restarts') do
  subscriber = listener
  survives(->(_) { true }) { ask 'hawser restart' }
  hears(subscriber)
end

exit $is_well
