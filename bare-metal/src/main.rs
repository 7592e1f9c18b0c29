//! Runs the core's checks on a processor without operating system, allocator or floating point.
//!
//! One line a check, one closing line `N passed, N failed`, and an exit status that says the same: 0, 1
//! if a check failed, 101 after a panic. Input and output go to the emulator or debugger
//! (Arm's "Semihosting for AArch32", § 5 and § 6). With `plant-failure` or `plant-panic` on
//! the command line the image fails on purpose: who reads its output sees that he would notice.
#![no_std]
#![no_main]

mod checks;

use core::arch::asm;
use core::fmt::Write as _;
use core::panic::PanicInfo;

/// Semihosting operations.
const WRITE_BYTE: u32 = 0x03;
const COMMAND_LINE: u32 = 0x15;
const EXIT: u32 = 0x20;
/// `ADP_Stopped_ApplicationExit`: an exit with a status.
const APPLICATION_EXIT: u32 = 0x2_0026;

/// Bytes of the command line at most.
const COMMAND_LINE_MAX: usize = 256;

/// What the processor does on reset and on each of its first fifteen exceptions.
#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: [extern "C" fn() -> !; 15] = [
    reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
    fault, fault,
];

#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    let mut buffer = [0; COMMAND_LINE_MAX];
    let order = command_line(&mut buffer);
    let mut passed = 0_u32;
    let mut failed = 0_u32;
    let mut count = |name: &str, ok: bool| {
        let counter = if ok { &mut passed } else { &mut failed };
        *counter += 1;
        say(format_args!("{name}: {}", if ok { "ok" } else { "FAILED" }));
    };
    for (name, check) in checks::CHECKS {
        count(name, check());
    }
    if contains(order, b"plant-failure") {
        count("a planted failure", false);
    }
    assert!(!contains(order, b"plant-panic"), "a planted panic");
    say(format_args!("{passed} passed, {failed} failed"));
    exit(u32::from(failed != 0 || passed == 0))
}

extern "C" fn fault() -> ! {
    say(format_args!("the processor faulted"));
    exit(101)
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    say(format_args!("{info}"));
    exit(101)
}

/// The command line as the emulator gives it; empty if it has none.
fn command_line(buffer: &mut [u8; COMMAND_LINE_MAX]) -> &[u8] {
    let mut block = [buffer.as_mut_ptr() as u32, COMMAND_LINE_MAX as u32];
    let answer = ask(COMMAND_LINE, block.as_mut_ptr() as u32);
    let len = if answer == 0 { block[1] as usize } else { 0 };
    buffer.get(..len).unwrap_or_default()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn say(line: core::fmt::Arguments<'_>) {
    // The console cannot fail: each byte is one trap that has no answer.
    let _ = writeln!(Console, "{line}");
}

fn exit(status: u32) -> ! {
    let block = [APPLICATION_EXIT, status];
    loop {
        ask(EXIT, block.as_ptr() as u32);
    }
}

struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.as_bytes() {
            ask(WRITE_BYTE, core::ptr::from_ref(byte) as u32);
        }
        Ok(())
    }
}

/// One semihosting call: the operation in r0, its block's address in r1, the answer in r0.
fn ask(operation: u32, block: u32) -> u32 {
    let answer;
    // SAFETY: the debugger reads and writes only the block and what it points to, and both outlive
    // the call; the compiler takes all memory to be touched.
    unsafe {
        asm!("bkpt 0xab", inlateout("r0") operation => answer, in("r1") block, options(nostack));
    }
    answer
}
