<?php
// Locks of a library on behalf of the test. `acquire` takes the lock at once or not at all and says if it got it. What
// waits does so in a process of its own, which tells the token that it got to the one that answers the test.
function serveLock(callable $acquire, callable $wait, callable $restore, array $others): void
{
    $attempt = function (callable $call) {
        return function (...$given) use ($call) {
            try {
                return $call(...$given);
            } catch (Exception $error) {
                return (new ReflectionClass($error))->getShortName();
            }
        };
    };
    $pipe = null;
    serve(array_map($attempt, $others) + [
        'acquire' => $attempt($acquire),
        'wait' => function () use (&$pipe, $wait) {
            [$pipe, $end] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
            if (pcntl_fork() === 0) {
                fwrite($end, $wait() . "\n");
                // Nothing is released at its end.
                posix_kill(getmypid(), SIGKILL);
            }
            fclose($end);
            stream_set_blocking($pipe, false);
        },
        'waited' => function () use (&$pipe, $restore) {
            $got = fgets($pipe);
            if ($got === false) {
                return null;
            }
            $restore(rtrim($got, "\n"));
            return true;
        },
    ]);
}
