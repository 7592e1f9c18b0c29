//! The conf of one pass that is nothing but a pass.
use core::time::Duration;

use martlet_core::audit::{Conf, Mode};
use martlet_core::breaker::Limits;
use martlet_core::due::DeepConf;

/// One pass without a rate and deep audits, that moves nothing.
#[must_use]
pub fn one_pass() -> Conf {
    Conf {
        mode: Mode::Once,
        interval: Duration::ZERO,
        spacing: Duration::ZERO,
        quarantine: false,
        breaker: Limits { databases: 0, share: 0 },
        deep: DeepConf::default(),
        hash: None,
    }
}
