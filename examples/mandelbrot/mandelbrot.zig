//! Draws the Mandelbrot set with letters: `mandelbrot [COLUMNS [ROWS]]`.
//!
//! It stands on WASI's own functions alone, so that the module holds nothing but the drawing.

const std = @import("std");
const wasi = std.os.wasi;

const columns_max = 400;
const rows_max = 200;
const iterations_max = 256;
const shades = " .:-=+*#%@";

/// The part of the plane that is drawn.
const left = -2.2;
const right = 0.8;
const top = 1.2;
const bottom = -1.2;

/// How many steps the point takes to leave the circle of radius two.
fn escape(re: f64, im: f64) u32 {
    var x: f64 = 0;
    var y: f64 = 0;
    var step: u32 = 0;
    while (step < iterations_max and x * x + y * y <= 4) : (step += 1) {
        const next = x * x - y * y + re;
        y = 2 * x * y + im;
        x = next;
    }
    return step;
}

/// The letter for a number of steps: darker for longer, by the logarithm.
fn shade(steps: u32) u8 {
    if (steps >= iterations_max) return shades[shades.len - 1];
    const level = std.math.log2_int(u32, steps + 1);
    return shades[@min(level, shades.len - 2)];
}

/// Writes all bytes to standard output, in as many pieces as the host takes.
fn write(bytes: []const u8) void {
    var done: usize = 0;
    while (done < bytes.len) {
        const piece = [1]wasi.ciovec_t{.{ .base = bytes.ptr + done, .len = bytes.len - done }};
        var written: usize = 0;
        if (wasi.fd_write(1, &piece, 1, &written) != .SUCCESS) wasi.proc_exit(1);
        done += written;
    }
}

/// The argument's value as a number of letters within the bound, or the default.
fn size(argument: ?[*:0]const u8, default: usize, max: usize) usize {
    const text = std.mem.span(argument orelse return default);
    const value = std.fmt.parseInt(usize, text, 10) catch wasi.proc_exit(2);
    return std.math.clamp(value, 2, max);
}

var line: [columns_max + 1]u8 = undefined;
var argument_pointers: [4]?[*:0]u8 = @splat(null);
var argument_bytes: [256]u8 = undefined;

export fn _start() void {
    var count: usize = 0;
    var bytes: usize = 0;
    if (wasi.args_sizes_get(&count, &bytes) != .SUCCESS) wasi.proc_exit(1);
    if (count > argument_pointers.len or bytes > argument_bytes.len) wasi.proc_exit(2);
    const pointers: [*][*:0]u8 = @ptrCast(&argument_pointers);
    if (wasi.args_get(pointers, &argument_bytes) != .SUCCESS) wasi.proc_exit(1);

    const columns = size(argument_pointers[1], 78, columns_max);
    const rows = size(argument_pointers[2], 32, rows_max);
    for (0..rows) |row| {
        const down = @as(f64, @floatFromInt(row)) / @as(f64, @floatFromInt(rows - 1));
        for (0..columns) |column| {
            const across = @as(f64, @floatFromInt(column)) / @as(f64, @floatFromInt(columns - 1));
            line[column] = shade(escape(left + across * (right - left), top + down * (bottom - top)));
        }
        line[columns] = '\n';
        write(line[0 .. columns + 1]);
    }
}
