<?php
// Laravel's queue and cache on the test's server, with the prefix that a new application has.

use Illuminate\Container\Container;
use Illuminate\Events\Dispatcher;
use Illuminate\Redis\RedisManager;

require_once 'common.php';
// This version of Laravel is older than this version of PHP.
error_reporting(E_ALL & ~E_DEPRECATED);
require_once 'Illuminate/Queue/autoload.php';
require_once 'Illuminate/Redis/autoload.php';
require_once 'Illuminate/Cache/autoload.php';
require_once 'Illuminate/Events/autoload.php';

$app = new Container();
Container::setInstance($app);
$app->instance('redis', new RedisManager($app, 'phpredis', [
    'options' => ['prefix' => 'laravel_database_'],
    'default' => ['host' => '127.0.0.1', 'port' => PORT, 'database' => 0],
]));
$app->instance('events', new Dispatcher($app));
