<?php
// What the programs of the tests share: answering the test, and a gate at which jobs wait.

define('PORT', (int) getenv('REDIS_PORT'));

// Answers each line of stdin, a list of a command and its arguments in JSON, with one line of JSON.
function serve(array $commands): void
{
    while (($line = fgets(STDIN)) !== false) {
        $given = json_decode($line, true);
        $name = array_shift($given);
        try {
            $answer = ['ok' => $commands[$name](...$given)];
        } catch (Throwable $error) {
            $answer = ['error' => (string) $error];
        }
        fwrite(STDOUT, json_encode($answer) . "\n");
    }
}

// A connection of our own.
function redis(): Redis
{
    $redis = new Redis();
    $redis->connect('127.0.0.1', PORT);
    return $redis;
}

// Returns once the test has opened the gate; gives up after a minute.
function waitAtGate(): void
{
    $redis = redis();
    $redis->incr('gate-started');
    for ($end = time() + 60; time() < $end && !$redis->exists('gate-open');) {
        usleep(20_000);
    }
}
