# An application with Sidekiq and two queues: `driver` answers the test, `worker` works on both.
require_relative "common"
require "sidekiq"

Sidekiq.configure_client { |config| config.redis = {url: URL} }
Sidekiq.configure_server { |config| config.redis = {url: URL} }

class Ok
  include Sidekiq::Worker
  def perform = nil
end

class Slow
  include Sidekiq::Worker
  def perform = wait_at_gate
end

# Holds a lock in the name of its job.
class Locked
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform
    Redis.new(url: URL).set("lock:by-job", jid, px: 600_000)
    wait_at_gate
  end
end

# Tried again after a while.
class Flaky
  include Sidekiq::Worker
  def perform = raise("as asked")
end

# Not tried again: dead at once.
class Boom
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform = raise("as asked")
end

# Dead at once, until the test says that it is mended.
class Mended
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform(*) = (raise("not yet") unless Sidekiq.redis { |redis| redis.exists?("mended") })
end

def flakies(names)
  names.each { |name| Mended.perform_async(name, 1.5) }
  Mended.set(queue: "low").perform_async("other")
end

def retry_one(name)
  Sidekiq::DeadSet.new.find { |job| job.args.first == name }.retry
end

# What is pushed again, without what differs from job to job.
def waits(name)
  job = Sidekiq::Queue.new("default").find { |waiting| waiting.args.first == name }.item
  job.except("jid", "created_at", "failed_at", "args").merge("enqueued_at" => job["enqueued_at"].class.name)
end

def enqueue
  [Boom, Flaky, Ok, Slow].each(&:perform_async)
  5.times { Ok.perform_async }
  2.times { Ok.set(queue: "low").perform_async }
  Ok.perform_in(600)
  3.times { Ok.set(queue: "low").perform_in(600) }
end

# What the API of Sidekiq counts in each queue.
def counts
  running = Sidekiq::WorkSet.new.map { |_process, _thread, work| work["queue"] }
  of = lambda do |set, queue| set.count { |job| job.queue == queue } end
  processes = Sidekiq::ProcessSet.new(false)
  Sidekiq::Queue.all.to_h do |queue|
    [queue.name, {
      waiting: queue.size,
      in_flight: running.count(queue.name),
      scheduled: of.call(Sidekiq::ScheduledSet.new, queue.name),
      retry: of.call(Sidekiq::RetrySet.new, queue.name),
      failed: of.call(Sidekiq::DeadSet.new, queue.name),
      workers: processes.count { |process| process.queues.include?(queue.name) }
    }]
  end
end

def identities = Sidekiq::ProcessSet.new(false).map { |process| process["identity"] }

case ARGV.first
when "driver"
  require "sidekiq/api"
  serve(
    "flakies" => method(:flakies), "retry" => method(:retry_one), "waits" => method(:waits),
    "enqueue" => method(:enqueue), "counts" => method(:counts), "identities" => method(:identities),
    "lock" => -> { Locked.perform_async },
    "processed" => -> { Sidekiq::Stats.new.processed }
  )
when "worker"
  require "sidekiq/cli"
  Sidekiq.logger.level = Logger::ERROR
  cli = Sidekiq::CLI.instance
  cli.parse(["-r", __FILE__, "-q", "default", "-q", "low", "-c", "1", "-t", "1"])
  cli.run(boot_app: false)
end
