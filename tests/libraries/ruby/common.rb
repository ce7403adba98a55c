# What the programs of the tests share: answering the test, and a gate at which jobs wait.
require "json"
require "redis"

# Debian's Sidekiq is older than its Redis.
Redis.silence_deprecations = true

URL = ENV.fetch("REDIS_URL")

# Answers each line of stdin, a list of a command and its arguments in JSON, with one line of JSON.
def serve(commands)
  $stdout.sync = true
  $stdin.each_line do |line|
    name, *given = JSON.parse(line)
    answer = begin
      {ok: commands.fetch(name).call(*given)}
    rescue => error
      {error: error.full_message(highlight: false)}
    end
    puts JSON.generate(answer)
  end
end

# Returns once the test has opened the gate; gives up after a minute.
def wait_at_gate
  redis = Redis.new(url: URL)
  redis.incr("gate-started")
  ending = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
  until redis.exists?("gate-open") || Process.clock_gettime(Process::CLOCK_MONOTONIC) > ending
    sleep 0.02
  end
end
