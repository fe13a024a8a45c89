# What a small Ruby program does: objects, blocks, patterns, the standard library, files.

require "digest"
require "json"
require "set"
require "strscan"
require "time"

FOLDER = ENV.fetch("FOLDER")

Bird = Struct.new(:name, :grams, :places) do
  include Comparable

  def <=>(other) = grams <=> other.grams

  def to_json(*options) = to_h.to_json(*options)
end

module Flock
  def self.each_turn(count)
    return enum_for(:each_turn, count) unless block_given?

    state = 1
    count.times { yield state = state * 48_271 % 2_147_483_647 }
  end
end

def evaluate(text)
  scanner = StringScanner.new(text)
  stack = []
  until scanner.eos?
    if scanner.skip(/\s+/) then next
    elsif (digits = scanner.scan(/\d+/)) then stack.push(Integer(digits))
    elsif (operator = scanner.scan(%r{[-+*/]})) then stack.push(stack.pop(2).reduce(operator.to_sym))
    else raise ArgumentError, "unexpected #{scanner.rest[0].inspect}"
    end
  end
  stack.fetch(0)
end

puts "ruby #{RUBY_VERSION} #{RUBY_ENGINE}"
birds = JSON.parse(File.read(File.join(FOLDER, "birds.json")), symbolize_names: true).map { |row| Bird.new(*row.values_at(:name, :grams, :places)) }
puts birds.sort.map(&:name).join(" < ")
puts JSON.pretty_generate(birds.max)
puts birds.flat_map(&:places).tally.sort_by { |place, count| [-count, place] }.inspect
puts Flock.each_turn(1000).lazy.select(&:even?).map { |n| n % 1000 }.first(5).inspect
puts Set.new([3, 1, 2]).superset?(Set[1, 2]), (2**200 + 1).to_s, 10.0.fdiv(3).round(6), Rational(3, 4) + 0.25r

case { kind: "wader", legs: [1, 2], note: nil }
in { kind: /wad/ => kind, legs: [first, *rest] } then puts "matched #{kind} #{first} #{rest}"
end

puts Digest::SHA256.hexdigest("dunlin"), Time.at(0).utc.iso8601
puts evaluate("3 4 + 5 * 2 -")
begin
  evaluate("3 ?")
rescue ArgumentError => error
  puts "#{error.class}: #{error.message}"
ensure
  puts "ensured"
end
puts catch(:found) { 10.times { |n| throw :found, n * n if n == 7 } }

fiber = Fiber.new { |x| loop { x = Fiber.yield(x * 2) } }
puts [1, 2, 3].map { |n| fiber.resume(n) }.inspect

def deep(level) = level.zero? ? raise("bottom") : deep(level - 1)
begin
  deep(500)
rescue RuntimeError => error
  puts error.message
end

path = File.join(FOLDER, "out.txt")
File.write(path, birds.map { |bird| format("%-10s %6.2f\n", bird.name, bird.grams) }.join)
puts File.foreach(path).with_index(1).map { |line, number| "#{number}: #{line}" }
puts Dir.children(FOLDER).sort.inspect
words = "the tide turns the flock and the flock turns".split.each_cons(2).map { _1.join("-") }
puts words.uniq.size, words.group_by(&:size).transform_values(&:count).sort.to_h
GC.start
puts Array.new(20_000) { |n| "bird #{n}" }.sum(&:size)
