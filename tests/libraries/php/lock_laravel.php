<?php
// A lock of Laravel's cache: `lock_laravel.php driver NAME SECONDS`, 0 for ever.

use Illuminate\Cache\RedisStore;

require_once 'laravel.php';
require_once 'locks.php';

// A connection for each process.
function lock(?string $owner = null)
{
    global $app, $argv;
    $app['redis']->purge('default');
    $store = new RedisStore($app['redis'], 'laravel_cache', 'default');
    return $store->lock($argv[2], (int) $argv[3], $owner);
}

$lock = null;
serveLock(
    function () use (&$lock) {
        $lock = lock();
        return $lock->get();
    },
    function () {
        $lock = lock();
        $lock->block(60);
        return $lock->owner();
    },
    function ($owner) use (&$lock) {
        $lock = lock($owner);
    },
    [
        'release' => function () use (&$lock) { return $lock->release(); },
    ],
);
