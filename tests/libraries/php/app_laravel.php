<?php
// An application with Laravel's queue: `driver` answers the test, `worker` works on both of its queues.

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Queue\Capsule\Manager;
use Illuminate\Queue\Worker;
use Illuminate\Queue\WorkerOptions;

require_once 'laravel.php';

class Ok
{
    public function fire($job, $data)
    {
        $job->delete();
    }
}

class Slow
{
    public function fire($job, $data)
    {
        waitAtGate();
        $job->delete();
    }
}

// Fails; the worker tries it again after ten minutes.
class Flaky
{
    public function fire($job, $data)
    {
        throw new RuntimeException('as asked');
    }
}

class Handler implements ExceptionHandler
{
    public function report(Throwable $e) {}
    public function shouldReport(Throwable $e) { return false; }
    public function render($request, Throwable $e) {}
    public function renderForConsole($output, Throwable $e) {}
}

$manager = new Manager($app);
$manager->addConnection(['driver' => 'redis', 'connection' => 'default', 'queue' => 'default', 'retry_after' => 600]);
$queue = $manager->getConnection();

function counts(): array
{
    global $queue;
    $redis = $queue->getConnection();
    $counts = [];
    foreach (['default', 'mails'] as $name) {
        $key = "queues:$name";
        // The library itself only knows the sum.
        $counts[$name] = [
            'waiting' => $queue->size($name) - $redis->zcard("$key:delayed") - $redis->zcard("$key:reserved"),
            'in_flight' => $redis->zcard("$key:reserved"),
            'scheduled' => $redis->zcard("$key:delayed"),
        ];
    }
    return $counts;
}

if ($argv[1] === 'driver') {
    serve([
        'enqueue' => function () use ($queue) {
            foreach (['Flaky', 'Ok', 'Slow', 'Ok', 'Ok', 'Ok'] as $job) {
                $queue->push($job);
            }
            $queue->push('Ok', '', 'mails');
            $queue->later(600, 'Ok');
            $queue->later(600, 'Ok', '', 'mails');
            $queue->later(600, 'Ok', '', 'mails');
        },
        'counts' => 'counts',
        // Pretends that retry_after went by since the jobs were taken.
        'age' => function () use ($queue) {
            $redis = $queue->getConnection();
            foreach ($redis->zrange('queues:default:reserved', 0, -1) as $job) {
                $redis->zincrby('queues:default:reserved', -601, $job);
            }
        },
    ]);
} else {
    $down = function () { return false; };
    $worker = new Worker($manager->getQueueManager(), $app['events'], new Handler(), $down);
    $options = new WorkerOptions();
    $options->backoff = 600;
    $options->maxTries = 3;
    $options->sleep = 0.1;
    $worker->daemon('default', 'default,mails', $options);
}
