//! The program.

use std::process::ExitCode;

/// Many small allocations from many threads, most of them short-lived.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    postrider::cli::main()
}
