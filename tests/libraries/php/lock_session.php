<?php
// A session of PHP's own, kept and locked by phpredis.

require_once 'common.php';
require_once 'locks.php';

ini_set('session.save_handler', 'redis');
ini_set('session.save_path', 'tcp://127.0.0.1:' . PORT);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
ini_set('redis.session.locking_enabled', '1');
// Until the lock is there.
ini_set('redis.session.lock_retries', '-1');
ini_set('redis.session.lock_wait_time', '20000');
ini_set('redis.session.lock_expire', '60');

function begin(): bool
{
    session_id('r1k3t0p9q2u8s7v6w5x4y3z2a1');
    session_start();
    $_SESSION['cart'] = 'full';
    return true;
}

serveLock(
    'begin',
    function () {
        begin();
        return (string) getmypid();
    },
    function () {},
    [
        'end' => function () { return @session_write_close(); },
    ],
);
