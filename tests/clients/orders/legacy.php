<?php
// The old order program. It knows GET, SETEX and PUBLISH, and nothing of tags or hawser's commands:
// its lists are tagged by a rule of hawser.toml.
//
//   php legacy.php list COMPANY            the company's orders as text
//   php legacy.php create COMPANY TITLE    a new order

function database(string $path, ?array $row = null): array
{
    $options = ['http' => ['timeout' => 30]];
    if ($row !== null) {
        $options['http'] += ['method' => 'POST', 'header' => 'Content-Type: application/json',
                             'content' => json_encode($row)];
    }
    $answer = file_get_contents(getenv('DATABASE_URL') . $path, false, stream_context_create($options));
    return json_decode($answer, true);
}

[, $action, $company] = $argv;
$redis = new Redis();
$redis->connect('127.0.0.1', (int) getenv('REDIS_PORT'));
$orders = "/companies/$company/orders";

if ($action === 'list') {
    $text = $redis->get("legacy:orders:$company:text");
    if ($text === false) {
        $titles = array_column(database("$orders?status=all"), 'title');
        $text = implode(', ', $titles);
        $redis->setex("legacy:orders:$company:text", 3600, $text);
    }
    echo $text;
} elseif ($action === 'create') {
    database($orders, ['title' => $argv[3]]);
    $redis->publish('cache:invalidate', json_encode([
        'type' => 'tags',
        'target' => ["company:$company:orders"],
        'source' => 'legacy',
    ]));
} else {
    fwrite(STDERR, "unknown action '$action'\n");
    exit(64);
}
