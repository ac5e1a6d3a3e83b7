//! The benchmarks of `read` once more, with their allocations counted: counting takes
//! time, so the times are the other's.

#[path = "read.rs"]
mod read;

use divan::AllocProfiler;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    read::main();
}
