//! What Martlet is built for besides the developer's own machine.

/// The emulated and the native target of every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// 64-bit ARM: today's appliances.
    Aarch64,
    /// 32-bit ARM with hardware floating point: yesterday's.
    Armv7,
    /// The host's processor, static as the ARM builds are: where memory can be measured.
    Native,
    /// A Cortex-M3 without an operating system.
    BareMetal,
}

impl Target {
    /// The two that are shipped and tested under emulation.
    pub(crate) const ARM: [Self; 2] = [Self::Aarch64, Self::Armv7];

    /// Rust's name.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-linux-musl",
            Self::Armv7 => "armv7-unknown-linux-musleabihf",
            Self::Native => "x86_64-unknown-linux-musl",
            Self::BareMetal => "thumbv7m-none-eabi",
        }
    }

    /// What of the standard library is built: nothing but `core` where nothing else may be used.
    pub(crate) const fn libraries(self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::BareMetal, _) => "core",
            (_, Purpose::Ship) => "std,panic_abort",
            (_, Purpose::Test) => "std,panic_abort,test",
        }
    }

    /// The emulator's name in Debian's `qemu-user-static`, where one is needed.
    pub(crate) const fn emulator(self) -> Option<&'static str> {
        match self {
            Self::Aarch64 => Some("qemu-aarch64-static"),
            Self::Armv7 => Some("qemu-arm-static"),
            Self::Native | Self::BareMetal => None,
        }
    }

    /// `CARGO_TARGET_<TRIPLE>_<what>`.
    pub(crate) fn variable(self, what: &str) -> String {
        format!("CARGO_TARGET_{}_{what}", self.triple().to_uppercase().replace('-', "_"))
    }
}

/// What a library or a program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be shipped: small. A panic ends the process after one line, so there is nothing to unwind and,
    /// in a stripped program, nothing that a backtrace could name.
    Ship,
    /// To be tested: a panic is a failed test.
    Test,
}
