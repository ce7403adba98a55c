<?php
// A lock of Symfony for a minute: `lock_symfony.php driver NAME`.

use Symfony\Component\Lock\Key;
use Symfony\Component\Lock\LockFactory;
use Symfony\Component\Lock\Store\RedisStore;

require_once 'common.php';
require_once 'locks.php';
require_once 'Symfony/Component/Lock/autoload.php';

// A connection for each process. Nothing is released by itself.
function lock(Key $key)
{
    return (new LockFactory(new RedisStore(redis())))->createLockFromKey($key, 60, false);
}

$lock = null;
serveLock(
    function () use (&$lock, $argv) {
        $lock = lock(new Key($argv[2]));
        return $lock->acquire();
    },
    function () use ($argv) {
        $key = new Key($argv[2]);
        lock($key)->acquire(true);
        return base64_encode(serialize($key));
    },
    function ($key) use (&$lock) {
        $lock = lock(unserialize(base64_decode($key)));
    },
    [
        'share' => function () use (&$lock, $argv) {
            $lock = lock(new Key($argv[2]));
            return $lock->acquireRead();
        },
        'owned' => function () use (&$lock) { return $lock->isAcquired(); },
        'refresh' => function () use (&$lock) { $lock->refresh(); },
        'release' => function () use (&$lock) { $lock->release(); },
    ],
);
