"""What is asked: templates of commands by data type, and the words put into them.

A template is words separated by spaces. Words in capitals stand for themselves; of `{a|b}` one is
taken (it may be several words, or nothing); `<x>` is a kind of word, see Words, and `<x*>` one to
three of them.
"""

import re

KINDS = {
    "string": """
GET <s>; SET <s> <v>; SET <s> <v> {EX <ttl>|PX <pttl>|EXAT <at>|PXAT <pat>|KEEPTTL|NX|XX|GET|XX GET}
SET <k> <v> {NX GET|XX KEEPTTL|EX 0|EX -1|PX abc|NX XX|EX <ttl> KEEPTTL}; SETNX <s> <v>
SETEX <s> <ttl> <v>; PSETEX <s> <pttl> <v>; SETEX <s> 0 <v>; GETSET <s> <v>; GETDEL <s>
GETEX <s> {|EX <ttl>|PX <pttl>|EXAT <at>|PXAT <pat>|PERSIST|EX abc|FOO}; APPEND <s> <v>; STRLEN <s>
INCR <n>; DECR <n>; INCRBY <n> <i>; DECRBY <n> <i>; INCRBYFLOAT <n> <f>; SET <n> <i>; INCR <s>
GETRANGE <s> <i> <i>; SUBSTR <s> <i> <i>; SETRANGE <s> <u> <v>; MGET <k*>; MSET <sv*>
MSETNX <sv*>; LCS <s> <s> {|LEN|IDX|IDX MINMATCHLEN 2 WITHMATCHLEN|LEN IDX}""",
    "bitmap": """
SETBIT <s> <bit> {0|1|2}; GETBIT <s> <bit>; BITCOUNT <s> {|0 -1|1 2|0 5 BIT|0 5 FOO|1}
BITPOS <s> {0|1} {|1|1 -1|0 -1 BIT|0 -1 FOO}; BITOP {AND|OR|XOR} <s> <s*>; BITOP NOT <s> <s>
BITFIELD <s> {GET u8 0|SET i5 #1 7|INCRBY u2 4 1|OVERFLOW SAT INCRBY i3 #0 3|OVERFLOW FAIL INCRBY u2 0 3|GET u65 0}
BITFIELD <s> SET u8 0 255 GET i8 0 OVERFLOW WRAP INCRBY u8 0 1; BITFIELD_RO <s> {GET u4 0|SET u4 0 1}""",
    "list": """
LPUSH <l> <v*>; RPUSH <l> <v*>; LPUSHX <l> <v*>; RPUSHX <l> <v>; LPOP <l> {|<u>|-1}; RPOP <l> {|<u>}
LLEN <l>; LRANGE <l> <i> <i>; LINDEX <l> <i>; LSET <l> <i> <v>; LREM <l> <i> <m>; LTRIM <l> <i> <i>
LINSERT <l> {BEFORE|AFTER|BESIDE} <m> <v>; LPOS <l> <m> {|RANK -1|COUNT 0|RANK 0|MAXLEN 2}
RPOPLPUSH <l> <l>; LMOVE <l> <l> {LEFT|RIGHT} {LEFT|RIGHT|UP}; LMPOP {1|2} <l> <l> {LEFT|RIGHT COUNT 2}
LMPOP 2 <l> <l> {LEFT|RIGHT} {|COUNT 3|COUNT 0}; RPUSH <l> <m*>""",
    "set": """
SADD <t> <m*>; SADD <t> <i*>; SREM <t> <m*>; SCARD <t>; SISMEMBER <t> <m>; SMISMEMBER <t> <m*>
SMEMBERS <t>; SMOVE <t> <t> <m>; SINTER <t*>; SUNION <t*>; SDIFF <t*>; SINTERSTORE <t> <t*>
SUNIONSTORE <t> <t*>; SDIFFSTORE <t> <t*>; SINTERCARD {1|2} <t> <t>; SINTERCARD 2 <t> <t> LIMIT {1|-1}
SSCAN <t> 0 {|MATCH m*|COUNT 1|COUNT 0|NOVALUES}; SPOP <t> {1000|0|-1}; SRANDMEMBER <t> {0|1000}""",
    "zset": """
ZADD <z> <zm*>; ZADD <z> {NX|XX|GT|LT|CH|NX XX|GT CH|XX INCR|INCR|NX GT} <f> <m>; ZCARD <z>
ZADD <z> {abc|nan|inf|-inf} <m>; ZINCRBY <z> <f> <m>; ZSCORE <z> <m>; ZMSCORE <z> <m*>
ZREM <z> <m*>; ZRANK <z> <m>; ZREVRANK <z> <m>; ZCOUNT <z> {-inf|(1|2} {+inf|(5|3}; ZRANGE <z> <i> <i>
ZLEXCOUNT <z> {-|[m1|(m2} {+|[m5|m3}; ZRANGE <z> 0 -1 {WITHSCORES|REV|REV WITHSCORES|BYSCORE|LIMIT 0 1}
ZRANGE <z> {(1|-inf} {+inf|5} BYSCORE {|LIMIT 0 2|LIMIT 0|WITHSCORES}; ZRANGE <z> - + BYLEX
ZREVRANGE <z> <i> <i> {|WITHSCORES}; ZRANGEBYSCORE <z> -inf +inf {|WITHSCORES|LIMIT 1 2}
ZREVRANGEBYSCORE <z> +inf {-inf|x}; ZRANGEBYLEX <z> [m {+|[m5}; ZREVRANGEBYLEX <z> + -
ZRANGESTORE <z> <z> 0 {2|-1 REV}; ZREMRANGEBYRANK <z> <i> <i>; ZREMRANGEBYSCORE <z> <i> <f>
ZREMRANGEBYLEX <z> [m1 [m2; ZPOPMIN <z> {|2|0|-1}; ZPOPMAX <z> {|3}; ZMPOP {1|2} <z> <z> {MIN|MAX}
ZMPOP 2 <z> <z> {MIN|MAX} COUNT {2|0}; ZUNION 2 <z> <z> {|WITHSCORES|WEIGHTS 2 3|AGGREGATE MAX}
ZINTER 2 <z> <z> {|WITHSCORES|AGGREGATE FOO}; ZDIFF {2|3|0} <z> <z> {|WITHSCORES}; ZINTERCARD 2 <z> <z>
ZUNIONSTORE <z> 2 <z> {<z>|<t>} {|WEIGHTS 1 0.5}; ZINTERSTORE <z> 2 <z> <z>; ZDIFFSTORE <z> 2 <z> <z>
ZSCAN <z> 0 {|MATCH m*}; ZRANDMEMBER <z> {0|1000|1000 WITHSCORES}""",
    "hash": """
HSET <h> <fv*>; HMSET <h> <fv*>; HSETNX <h> <fd> <v>; HGET <h> <fd>; HMGET <h> <fd*>; HGETALL <h>
HDEL <h> <fd*>; HEXISTS <h> <fd>; HLEN <h>; HKEYS <h>; HVALS <h>; HSTRLEN <h> <fd>
HINCRBY <h> n {<i>|abc|9223372036854775807}; HINCRBYFLOAT <h> n <f>; HSCAN <h> 0 {|MATCH f*|COUNT 2}
HRANDFIELD <h> {0|1000|1000 WITHVALUES}; HSET <h> <fd>""",
    "stream": """
XADD <x> {<id>|<ms>-*|0-0|abc} <fv*>; XADD <x> {NOMKSTREAM|MAXLEN 3|MINID 2|MAXLEN ~ 3 LIMIT 1} <id> <fv*>
XLEN <x>; XRANGE <x> {-|<id>|(<id>} + {|COUNT 2}; XREVRANGE <x> + - {|COUNT 1|COUNT x}; XDEL <x> <id*>
XTRIM <x> {MAXLEN 2|MINID <id>|MAXLEN abc|FOO 1}; XREAD {|COUNT 2} STREAMS <x> <x> {0 0|<id> <id>|0|$ 0}
XGROUP CREATE <x> <g> {0|$|<id>} {|MKSTREAM|ENTRIESREAD 2}; XGROUP DESTROY <x> <g>
XGROUP CREATECONSUMER <x> <g> <c>; XGROUP DELCONSUMER <x> <g> <c>; XGROUP SETID <x> <g> {0|$}
XREADGROUP GROUP <g> <c> {|COUNT 2|NOACK} STREAMS <x> {>|0|<id>}; XACK <x> <g> <id*>; XPENDING <x> <g>
XPENDING <x> <g> {|IDLE 0} - + 10 {|<c>}; XCLAIM <x> <g> <c> 0 <id> {|JUSTID|FORCE|RETRYCOUNT 3}
XAUTOCLAIM <x> <g> <c> 0 0 {|COUNT 1|JUSTID}; XINFO STREAM <x> {|FULL|FULL COUNT 1}; XINFO GROUPS <x>
XINFO CONSUMERS <x> <g>; XINFO HELP; XGROUP HELP; XSETID <x> {9-9|0-1|9-9 ENTRIESADDED 5 MAXDELETEDID 1-1}""",
    "geo": """
GEOADD <z> {|NX|XX CH} 13.361389 38.115556 m1 15.087269 37.502669 m2; GEOADD <z> {2.35 48.85|200 1} m3
GEODIST <z> m1 m2 {|km|mi|foo}; GEOHASH <z> m1 m9; GEOPOS <z> m1 m9
GEOSEARCH <z> {FROMLONLAT 15 37|FROMMEMBER m1} {BYRADIUS 200 km|BYBOX 400 400 km} {ASC|DESC COUNT 1|WITHDIST|WITHCOORD WITHHASH}
GEOSEARCHSTORE <z> <z> FROMLONLAT 15 37 BYRADIUS 200 km {|STOREDIST}; GEORADIUS_RO <z> 15 37 200 km ASC
GEORADIUS <z> 15 37 {200|-1} km {ASC|STORE <z>|COUNT 0}; GEORADIUSBYMEMBER <z> m1 200 km {|WITHDIST}
GEORADIUSBYMEMBER_RO <z> {m1|m9} 200 km ASC""",
    "hyperloglog": """
PFADD <p> <m*>; PFADD <p>; PFCOUNT <p*>; PFMERGE <p> <p*>; PFDEBUG {ENCODING|DECODE|GETREG|TODENSE|FOO} <p>""",
    "key": """
DEL <k*>; UNLINK <k*>; EXISTS <k*>; TYPE <k>; TOUCH <k*>; EXPIRE <k> <ttl> {|NX|XX|GT|LT|NX XX}
PEXPIRE <k> <pttl>; EXPIREAT <k> {<at>|1|-5}; PEXPIREAT <k> {<pat>|1|abc}; PERSIST <k>; TTL <k>; PTTL <k>
EXPIRETIME <k>; PEXPIRETIME <k>; RENAME <k> <k>; RENAMENX <k> <k>; COPY <k> <k> {|REPLACE|DB <db>|DB 99}
MOVE <k> {<db>|99|abc}; DUMP <k>; OBJECT ENCODING <k>; OBJECT REFCOUNT <k>; OBJECT IDLETIME <k>
OBJECT {FREQ <k>|HELP|FOO <k>|ENCODING}; MEMORY USAGE <k> {|SAMPLES 0|SAMPLES x}; SORT <l> {|ALPHA|DESC ALPHA|BY nosort}
SORT <t> ALPHA {|LIMIT 0 2|GET #|BY w_* GET o_*|STORE <l>}; SORT_RO <k> {|ALPHA|STORE <l>}; EXPIRE <k> {0|-1}
RESTORE <s> {0|<pttl>|-1} <dump> {|REPLACE|REPLACE ABSTTL|FREQ 1}; RESTORE <k> 0 junk; DEBUG OBJECT <k>
DEBUG DIGEST-VALUE <k*>; DEBUG {ZIPLIST|LISTPACK|STRINGMATCH-LEN|HTSTATS-KEY} <k>""",
    "script": r"""
EVAL <lua> 0; EVAL <luakeys> 1 <k> <v>; EVAL <luakeys> 2 <s> <h> <m> <i>; EVAL <lua> {-1|9|abc} <k>
EVAL_RO <luaro> 1 <k>; EVAL_RO <luakeys> 1 <s> <v>; EVALSHA ffffffffffffffffffffffffffffffffffffffff 0""",
    # From here on not together with what other connections ask: the answer depends on all.
    "stored script": """
SCRIPT LOAD <lua>; SCRIPT LOAD nonsense(; SCRIPT EXISTS <sha*>; EVALSHA <sha> 0; EVALSHA_RO <sha> 0
EVALSHA <sha> {abc|5}; SCRIPT {HELP|FOO|EXISTS|DEBUG|FLUSH FOO|FLUSH}; FUNCTION LOAD {|REPLACE} <library>
FUNCTION LOAD nonsense; FCALL {get|put|none} 1 <s> <v>; FCALL_RO {get|put|none} 1 <s>; FCALL get {0|-1|9} x
FUNCTION LIST {|WITHCODE|LIBRARYNAME d*|FOO}; FUNCTION DELETE {diff|none}; FUNCTION {DUMP|HELP|STATS|FOO}
FUNCTION {FLUSH|FLUSH SYNC|FLUSH FOO|RESTORE junk}; FUNCTION RESTORE <functions> REPLACE""",
    "server": """
PING; PING <v>; PING a b; ECHO <v>; DBSIZE; KEYS {*|s*|[ab]?|h[^0]*}; SCAN 0 COUNT 10000 {|MATCH l*|TYPE hash|TYPE foo}
SCAN abc; SCAN 0 FOO 1; SCAN 0 COUNT 0; RANDOMKEY; TIME; LASTSAVE; ROLE; LOLWUT; INFO {|server|keyspace|everything|foo|memory cpu}
COMMAND; COMMAND COUNT; COMMAND {LIST|LIST FILTERBY ACLCAT hash|LIST FILTERBY PATTERN xr*|LIST FOO|HELP|FOO}
COMMAND INFO {get|get eval foo|config\\|get}; COMMAND DOCS {get|hset lpush|foo}; COMMAND GETKEYS {GET a|MSET a b c d|PING|FOO x}
COMMAND GETKEYSANDFLAGS {SET a b|EVAL x 1 k|XREADGROUP GROUP g c STREAMS a b 0 0}; CONFIG GET {maxmemory*|save|nothing|hz appendonly}
CONFIG SET {slowlog-max-len 77|nothing 1|maxmemory abc|hz}; CONFIG {HELP|FOO|RESETSTAT|GET|REWRITE}; MEMORY {HELP|DOCTOR|FOO|STATS|MALLOC-STATS|PURGE}
DEBUG {SLEEP 0|JMAP|FOO|HELP|SET-ACTIVE-EXPIRE 1|STRINGMATCH-LEN 10 a*}; DEBUG DIGEST; DEBUG CHANGE-REPL-ID
DEBUG PROTOCOL {string|integer|double|null|array|set|map|verbatim|true|false|bignum|foo|attrib}
SLOWLOG {GET|LEN|RESET|HELP|GET -1|GET abc|FOO}; LATENCY {LATEST|DOCTOR|HISTORY command|RESET|HELP|GRAPH foo|FOO|HISTOGRAM foo}
LATENCY HISTOGRAM; CLUSTER {INFO|NODES|KEYSLOT a|SLOTS|MYID|HELP|FOO|SHARDS|COUNTKEYSINSLOT 1}; MODULE {LIST|HELP|FOO|UNLOAD x|LOAD /nothing}
CLUSTER {ADDSLOTS 1|ADDSLOTSRANGE 1 2|BUMPEPOCH|COUNT-FAILURE-REPORTS x|DELSLOTS 1|DELSLOTSRANGE 1 2|FAILOVER|FLUSHSLOTS}
CLUSTER {FORGET x|GETKEYSINSLOT 1 1|LINKS|MEET a 1|REPLICAS x|REPLICATE x|RESET|SAVECONFIG|SET-CONFIG-EPOCH 1|SLAVES x}
CLUSTER SETSLOT 1 STABLE; FLUSHDB; FLUSHDB {ASYNC|SYNC|FOO}; FLUSHALL; SWAPDB {0 1|1 2|0 99|a b}; WAIT 0 0; WAIT {0 -1|a b}; REPLICAOF {NO ONE|a|a b c}; SLAVEOF NO ONE
READONLY; READWRITE; ASKING; FAILOVER {ABORT|FOO}; RESTORE-ASKING <k> 0 junk; MIGRATE {a|127.0.0.1 x k 0 10}""",
    "acl": """
ACL WHOAMI; ACL USERS; ACL LIST; ACL CAT {|hash|foo}; ACL GETUSER {reader|corner|none}; ACL DRYRUN {reader|corner|none} {GET s1|SET l0 x|FOO}
ACL SETUSER {scratch|scratch2} {on|off|>pw|+get|~a*|reset|+foo|-@all|foo|(+get ~x*)}; ACL DELUSER {scratch|scratch2|none|default}
ACL GENPASS {|64|0|abc}; ACL {HELP|FOO|LOG|LOG RESET|LOG 2|LOG abc|SAVE|LOAD|GETUSER}""",
    "client": """
CLIENT ID; CLIENT GETNAME; CLIENT SETNAME {<w>|<w>|<odd>}; CLIENT INFO; CLIENT LIST {|TYPE normal}; CLIENT NO-EVICT {ON|OFF|FOO}
CLIENT TRACKINGINFO; CLIENT GETREDIR; CLIENT CACHING {YES|NO|FOO}; CLIENT TRACKING {OFF|FOO|ON BCAST OPTIN|ON REDIRECT 999999999}
CLIENT UNBLOCK {999999999|x|999999999 ERROR|999999999 FOO}; CLIENT {HELP|FOO|GETNAME x|SETNAME|ID 1}; CLIENT SETINFO LIB-NAME <w>
HELLO; HELLO {2|3|3|4|abc|2 FOO|3 AUTH x|3 SETNAME a|2 SETNAME}; HELLO {2|3} AUTH <login>; HELLO 3 AUTH <wrong> SETNAME b
AUTH <login>; AUTH <login>; AUTH <wrong>; AUTH pw; AUTH default anything; AUTH a b c; SELECT {<db>|<db>|<db>|0|99|-1|abc|99999999999|1.5}; SELECT <db>; SELECT <db>; RESET""",
    "pubsub": """
PUBLISH <ch> <v>; PUBLISH <ch> <v>; SPUBLISH <ch> <v>; PUBSUB CHANNELS {|news*|foo}; PUBSUB NUMSUB {|<ch*>}; PUBSUB NUMPAT
PUBSUB SHARDCHANNELS; PUBSUB SHARDNUMSUB {|<ch*>}; PUBSUB {HELP|FOO|NUMPAT x}; SUBSCRIBE <ch*>; PSUBSCRIBE <pat-ch*>; SSUBSCRIBE <ch*>
UNSUBSCRIBE <ch*>; PUNSUBSCRIBE <pat-ch*>; SUNSUBSCRIBE <ch*>; UNSUBSCRIBE; PUNSUBSCRIBE; SUNSUBSCRIBE""",
    "transaction": """
MULTI; MULTI; EXEC; EXEC; DISCARD; WATCH <k*>; UNWATCH; MULTI x; EXEC x; WATCH""",
    "unknown": """
FOO; FOO <v> <v>; GETT <k>; <v> <v>; JSON.SET a b; HTTP x; CLIENT; ACL; XINFO; OBJECT; GET|FOO a; <odd>; <odd> x""",
}

# Answered at once or within milliseconds; each in a step of its own.
BLOCKING = """
BLPOP <l> <l> <soon>; BRPOP <l> <soon>; BLMOVE <l> <l> LEFT RIGHT <soon>; BRPOPLPUSH <l> <l> <soon>; BLMPOP <soon> 1 <l> LEFT
BZPOPMIN <z> <soon>; BZPOPMAX <z> <z> <soon>; BZMPOP <soon> 1 <z> MIN; XREAD BLOCK 3 STREAMS <x> {$|0}; BLPOP <l> {-1|abc}
XREADGROUP GROUP <g> <c> BLOCK 3 STREAMS <x> >; BLMPOP <soon> 0 <l> LEFT; BZPOPMIN <z> 0x"""

# Types that the commands of several connections at once may be of, if their keys are not the same.
PRIVATE = ["string", "bitmap", "list", "set", "zset", "hash", "stream", "geo", "hyperloglog", "key",
           "script"]

LUA = [
    "return {1,'a',false,{2,{}}}", "return 1.9", "return {ok='FINE'}", "return {err='MY own'}",
    "return nil", "return redis.error_reply('ERR x')", "error('oops')", "return foo",
    "nonsense(", "return #KEYS..#ARGV..''", "redis.setresp(3) return {double=1.5}",
    "redis.setresp(3) return {map={a=1}}", "redis.setresp(3) return true", "return KEYS",
    "return redis.call('foo')", "return redis.pcall('get')", "return redis.call('blpop','none',0)",
    "return redis.call('subscribe','x')", "return redis.call('echo','x')", "return redis.sha1hex('')",
    "#!lua flags=no-writes\nreturn 1", "#!lua flags=foo\nreturn 1", "return ARGV",
    "redis.setresp(3) return redis.call('hgetall','h0')", "return redis.acl_check_cmd('get','s0')",
]
LUA_KEYS = [
    "return redis.call('set',KEYS[1],ARGV[1])", "return redis.call('append',KEYS[1],ARGV[1])",
    "return redis.pcall('incr',KEYS[1])", "return redis.call('incr',KEYS[1])",
    "redis.call('set',KEYS[1],'half') return redis.call('lpush',KEYS[1],'x')",
    "return {redis.call('exists',KEYS[1]),redis.call('type',KEYS[1])}",
    "return redis.call('hset',KEYS[2],ARGV[1],ARGV[2])", "return redis.call('get',KEYS[1])",
    "#!lua flags=no-writes\nreturn redis.call('set',KEYS[1],'x')",
]
LUA_READ_ONLY = ["return redis.call('get',KEYS[1])", "return redis.call('exists',KEYS[1])",
                 "return redis.call('set',KEYS[1],'x')"]
LIBRARIES = [
    "#!lua name=diff\nredis.register_function{function_name='get', flags={'no-writes'},"
    " callback=function(k,a) return redis.call('get',k[1]) end}\n"
    "redis.register_function('put', function(k,a) return redis.call('set',k[1],a[1]) end)",
    "#!lua name=diff2\nredis.register_function('other', function() return 'x' end)",
    "#!lua name=diff\nfoo(", "no name",
]
LETTERS = {"string": "s", "list": "l", "set": "t", "zset": "z", "hash": "h", "stream": "x",
           "hyperloglog": "p", "number": "n"}
KEY_LETTERS = "".join(LETTERS.values())

# Words put in the place of others. No small positive number: it could be a time to live.
JUNK = [b"", b"abc", b"-1", b"0", b"1.5", b"9223372036854775807", b"-9223372036854775808",
        b"99999999999999999999", b"\x00\xff\r\n", b"nan", b"+inf", b"1e5", b" 1", b"x" * 200]
# What a mutation could make random, dangerous or endless.
NOT_MUTATED = {
    b"SPOP", b"SRANDMEMBER", b"ZRANDMEMBER", b"HRANDFIELD", b"SCAN", b"DEBUG", b"CLIENT", b"HELLO",
    b"CONFIG", b"LATENCY", b"WAIT", b"MIGRATE", b"REPLICAOF", b"SLAVEOF", b"FAILOVER", b"LOLWUT",
    b"ACL", b"SCRIPT", b"FUNCTION", b"INFO", b"MODULE", b"MEMORY", b"EVAL", b"SUBSCRIBE",
    b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE", b"AUTH", b"XADD",
    b"XCLAIM", b"XAUTOCLAIM", b"SLOWLOG", b"COMMAND", b"RESET", b"ECHO", b"PING",
}


class Words:
    """Gives the words of templates. `suffix` is added to keys: the connection's own ones. `scripts`
    are bodies loaded so far, of which there are SHAs, `logins` pairs of user and password."""

    def __init__(self, random, logins, databases, dump, functions):
        self.random = random
        self.logins = logins
        self.databases = databases
        self.dump, self.functions = dump, functions
        self.suffix = ""
        self.salt = ""
        self.shas = [b"0" * 40]

    def key(self, letter):
        if self.random.random() < 0.06:
            letter = self.random.choice(KEY_LETTERS)
        return b"%s%d%s" % (letter.encode(), self.random.randrange(3), self.suffix.encode())

    def any_key(self):
        return self.key(self.random.choice(KEY_LETTERS))

    def value(self):
        draw = self.random.random()
        if draw < 0.5:
            return b"m%d" % self.random.randrange(6)
        if draw < 0.7:
            return b"%d" % self.random.randrange(-5, 200)
        if draw < 0.8:
            return self.random.choice([b"", b"\r\n", b"a\x00b", b"+OK\r\n", b"$-1\r\n", b"hello world"])
        if draw < 0.985:
            return self.random.randbytes(self.random.randrange(1, 100))
        return self.random.randbytes(self.random.choice([1000, 5000, 17000, 40000]))

    def word(self, kind):
        """One word of a kind, or several."""
        if kind in KEY_LETTERS:
            return [self.key(kind)]
        return GIVES[kind](self)

    def script(self, body):
        """Not twice the same, for hawser remembers what it saw."""
        return [f"{body} -- {self.salt}".encode()]

    def pairs(self, first, second):
        return [word for _ in range(self.random.randrange(1, 4)) for word in (first(), second())]


def number(low, high):
    return lambda w: [b"%d" % w.random.randrange(low, high)]


def one(*choices):
    return lambda w: [w.random.choice(choices)]


def member(w):
    return b"m%d" % w.random.randrange(6)


def score(w):
    return w.random.choice([b"1", b"2.5", b"-3", b"0", b"1e3", b"3.0000000001", b"7", b"0.1"])


GIVES = {
    "k": lambda w: [w.any_key()],
    "v": lambda w: [w.value()],
    "w": one(b"one", b"two", b"name-3"),
    "odd": one(b"a b", b"\r\n", b"x" * 200, b"GETX\x00", "\u00e9".encode(), b"'quoted'"),
    "m": lambda w: [member(w)],
    "i": number(-4, 6),
    "u": number(0, 5),
    "f": lambda w: [score(w)],
    "fd": number(0, 6),
    "bit": number(0, 70),
    "ttl": number(2000, 9000),
    "pttl": number(2000000, 9000000),
    "at": number(4102444800, 4102445000),
    "pat": number(4102444800000, 4102445000000),
    "db": lambda w: [w.random.choice(w.databases)],
    "id": lambda w: [b"%d-%d" % (w.random.randrange(1, 9), w.random.randrange(1, 4))],
    "ms": number(1, 9),
    "g": one(b"g0", b"g1"),
    "c": one(b"alice", b"bob"),
    "soon": one(b"0.004", b"0.002"),
    "ch": one(b"news:1", b"news:2", b"talk:1", b"\x00bin"),
    "pat-ch": one(b"news:*", b"talk:?", b"*", b"n[^x]*"),
    "sv": lambda w: w.pairs(lambda: w.key("s"), w.value),
    "fv": lambda w: w.pairs(lambda: b"%d" % w.random.randrange(6), w.value),
    "zm": lambda w: w.pairs(lambda: score(w), lambda: member(w)),
    "login": lambda w: list(w.random.choice(w.logins)),
    "wrong": lambda w: [w.random.choice(w.logins)[0], b"wrong"],
    "lua": lambda w: w.script(w.random.choice(LUA)),
    "luakeys": lambda w: w.script(w.random.choice(LUA_KEYS)),
    "luaro": lambda w: w.script(w.random.choice(LUA_READ_ONLY)),
    "library": lambda w: [w.random.choice(LIBRARIES).encode()],
    "sha": lambda w: [w.random.choice(w.shas)],
    "dump": lambda w: [w.dump],
    "functions": lambda w: [w.functions],
}


def compiled(template):
    """A template as a list of literal words, (kind, is repeated), and lists of alternatives."""
    parts = []
    for token in re.findall(r"\{[^}]*\}|\S+", template):
        if token[0] == "{":
            choices = re.split(r"(?<!\\)\|", token[1:-1])
            parts.append([compiled(choice) for choice in choices])
        elif token[0] == "<" and token[-1] == ">":
            kind = token[1:-1].rstrip("*")
            assert kind in GIVES or (len(kind) == 1 and kind in KEY_LETTERS), template
            # Those of several words repeat themselves.
            parts.append((kind, token[-2] == "*" and kind not in ("sv", "fv", "zm")))
        else:
            token = token.replace("\\\\|", "|").replace("\\|", "|")
            holes = re.split(r"<(\w+)>", token)  # As in <ms>-*.
            parts.append(token.encode() if len(holes) == 1 else tuple(holes))
    return parts


def templates(text):
    return [compiled(line) for line in re.split(r"[;\n]", text) if line.strip()]


TEMPLATES = {kind: templates(text) for kind, text in KINDS.items()}
BLOCKING_TEMPLATES = templates(BLOCKING)


def fill(parts, words, random):
    """The words of a compiled template."""
    out = []
    for part in parts:
        if isinstance(part, bytes):
            out.append(part)
        elif isinstance(part, list):
            out += fill(random.choice(part), words, random)
        elif len(part) == 2:
            kind, repeated = part
            for _ in range(random.randrange(1, 4) if repeated else 1):
                out += words.word(kind)
        else:
            before, kind, after = part
            out.append(before.encode() + words.word(kind)[0] + after.encode())
    return out


def mutate(command, random, suffix):
    """A wrong arity, a bad number, an odd spelling: in place. The suffix is that of keys, which the
    odd words may become."""
    if command[0] in NOT_MUTATED:
        return
    draw = random.random()
    if draw < 0.25 and len(command) > 1:
        command.pop()
    elif draw < 0.45:
        command.append(random.choice(JUNK) + suffix)
    elif draw < 0.85 and len(command) > 1:
        command[random.randrange(1, len(command))] = random.choice(JUNK) + suffix
    else:
        command[0] = bytes(b ^ 32 if chr(b).isalpha() and random.random() < 0.5 else b
                           for b in command[0])


def literal_commands():
    """Names (and subcommands, as in COMMAND LIST) that some template asks."""
    names = set()
    for parts in [p for group in TEMPLATES.values() for p in group] + BLOCKING_TEMPLATES:
        if not isinstance(parts[0], bytes):
            continue
        name = parts[0].decode().lower()
        names.add(name)
        if len(parts) > 1:
            seconds = parts[1] if isinstance(parts[1], list) else [[parts[1]]]
            for second in seconds:
                if second and isinstance(second[0], bytes):
                    names.add(name + "|" + second[0].decode(errors="replace").lower())
    return names
