// SPDX-License-Identifier: GPL-3.0-or-later
// rustcpus.rs - prints how many processors Rust's standard library counts here.
fn main() {
    println!("{}", std::thread::available_parallelism().map_or(0, |n| n.get()));
}
