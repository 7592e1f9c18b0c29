//! What can be logged: one table of events, each with a code that stays, its level and its meaning.
//!
//! Under `log_format = json` the code stands in each line. The words of a line may change; the code
//! does not.
use crate::conf::Level;

/// Makes the events and what belongs to each from one row each.
macro_rules! events {
    ($($name:ident $word:literal $level:ident $meaning:literal)*) => {
        /// Something that is logged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = $meaning] $name,)*
        }

        impl Event {
            /// Every event, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its code, as it stands in the log.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The same as the target of a `log` record: behind `martlet::`.
            #[must_use]
            pub const fn target(self) -> &'static str {
                match self { $(Self::$name => concat!("martlet::", $word),)* }
            }

            /// The event of a record with this target; none if it is of another crate.
            #[must_use]
            pub fn of_target(target: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.target() == target)
            }

            /// The level that it is logged at.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }

            /// What it means, and what to do if there is anything to do.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

events! {
    Starting "starting" Notice
        "The auditor starts; the words have its process number."
    Stopping "stopping" Notice
        "SIGTERM or SIGINT was received. What was counted is said, and the place in the pass kept."
    Exited "exited" Notice
        "The auditor has come to its end."
    ConfNote "conf-note" Warning
        "Something in the conf is unknown, misspelt or not as it looks. See martlet conf."
    ConfReloaded "conf-reloaded" Notice
        "SIGHUP was received, and the conf was read again."
    ConfLate "conf-late" Warning
        "Options have changed that take effect at a restart alone. Restart the auditor."
    ConfRefused "conf-refused" Error
        "The conf could not be read again, so the one before holds. Mend it, then send SIGHUP again."
    HashPathMissing "hash-path-missing" Warning
        "swift.conf could not be read, so names are not compared with places. Let the user of the conf \
         read it."
    PriorityRefused "priority-refused" Error
        "nice_priority or ionice_class could not be set. The auditor runs without."
    InstanceUnsure "instance-unsure" Warning
        "No place took the lock of the conf, so that a second auditor would not be noticed. Make one of \
         the named places writable."
    Status "status" Info
        "SIGUSR1 was received: where the auditor stands."
    Paused "paused" Notice
        "A pause has begun, or goes on after a restart."
    Resumed "resumed" Notice
        "The pause was ended."
    Rearmed "rearmed" Notice
        "Databases of the named devices may be moved again."
    PauseUnreadable "pause-unreadable" Warning
        "The file of the pause cannot be read, so there is none. Pause again if one is wanted."
    SocketMissing "socket-missing" Warning
        "The control socket could not be made, so that martlet status, pause, resume and rearm do not \
         reach the auditor. Look at state_path."
    SocketClient "socket-client" Debug
        "A command that asked at the control socket went away."
    SocketTrouble "socket-trouble" Warning
        "The control socket took no command."
    SocketEnded "socket-ended" Error
        "The control socket failed too often and is served no more. Restart the auditor to use it again."
    SignalsLost "signals-lost" Error
        "The thread that takes signals, or ends the process after one, could not work. Restart the \
         auditor."
    PassBegun "pass-begun" Info
        "A pass begins: each device is walked from its beginning, or from where a restart left it."
    PassCompleted "pass-completed" Info
        "A pass has ended. The words say how long it took."
    Window "window" Info
        "How many audits passed and failed since the line before: Swift's hourly report."
    AuditPassed "audit-passed" Debug
        "A database is in order, and not deleted."
    AuditFailed "audit-failed" Error
        "A database could not be read as Swift reads it. The verdict says whether it is damaged; \
         martlet list has what to do."
    Damaged "damaged" Error
        "Damage that Swift does not see: of the rows, the index, or a deleted database. martlet list has \
         what to do."
    DeepUnfinished "deep-unfinished" Warning
        "A deep audit reached no end after a stat audit in order. The words say why; if that is the device, \
         look at it. It has its next turn within deep_interval."
    Misplaced "misplaced" Warning
        "A database lies where Swift does not look for it. martlet list has what to do."
    MisplacedMany "misplaced-many" Warning
        "More databases of a pass are misplaced than were named. Compare the hash path in swift.conf \
         with the cluster's."
    Quarantined "quarantined" Error
        "A damaged database was moved aside. The replicator brings a sound copy; martlet quarantine \
         shows what was moved."
    QuarantineFailed "quarantine-failed" Error
        "A damaged database was to be moved aside, and could not be. The words say why; mend that."
    QuarantineUnsynced "quarantine-unsynced" Warning
        "A database was moved aside, and whether the disk has kept the move is not known. Look at the \
         device."
    BreakerTripped "breaker-tripped" Error
        "More of a device is damaged than may be moved, so nothing more of it is. Look at the device, \
         then use martlet rearm."
    Skipped "skipped" Warning
        "A directory or a device was passed over, so the pass is incomplete. The words say why; mend that."
    DevicesUnlisted "devices-unlisted" Error
        "The directory of the devices cannot be listed, so nothing is audited. Look at the option devices."
    DevicesTooMany "devices-too-many" Error
        "There are more devices than one auditor takes, and the others are not audited. Give them a conf \
         of their own."
    DeviceStalled "device-stalled" Warning
        "A device has not answered for a minute, and what works on it waits. Look at the device."
    DeviceAnswers "device-answers" Warning
        "A device that did not answer does again."
    DeviceOverdue "device-overdue" Warning
        "Part of a device was not audited, or not deeply, for too long; said once, until it is well. \
         Look what was passed over, and at martlet status."
    FindingsLeft "findings-left" Info
        "A single pass keeps nothing for martlet list: the daemon of the conf runs and does, or another \
         pass, or state_path cannot be written. The words say which."
    StateUnreadable "state-unreadable" Warning
        "A file in state_path cannot be read, and the auditor begins anew. Mend its mode or its disk."
    StateSetAside "state-set-aside" Warning
        "A file in state_path cannot be used and was set aside, and the auditor begins anew. The last \
         four are kept, and may be removed."
    StateUnwritten "state-unwritten" Warning
        "state_path cannot be written, so a restart will lose what is named. Mend its mode, or its disk."
    MetricsUnwritten "metrics-unwritten" Error
        "The file of metrics_path cannot be written. Mend its mode, or its disk."
    ReconUnwritten "recon-unwritten" Error
        "The recon cache cannot be written, so that swift-recon shows what was. Mend its mode, or its disk."
    ReconAnew "recon-anew" Warning
        "The recon cache held no JSON and is written anew."
    StatsdFailed "statsd-failed" Warning
        "Metrics cannot be sent to statsd; further ones are counted. Look at log_statsd_host."
    StatsdAgain "statsd-again" Info
        "Metrics reach statsd again."
    NotifyFailed "notify-failed" Debug
        "The service manager could not be told something."
    LinesLost "lines-lost" Warning
        "Nobody took some lines of the log. Look at log_address, or at the reader of stderr."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_short_plain_and_one_events_alone() {
        for (number, event) in Event::ALL.iter().enumerate() {
            let word = event.word();
            assert!(word.bytes().all(|it| it.is_ascii_lowercase() || it == b'-'), "{word}");
            assert!(word.len() <= 24, "{word}");
            assert!(Event::ALL.iter().skip(number + 1).all(|other| other.word() != word), "{word}");
            assert_eq!(event.target().strip_prefix("martlet::"), Some(word));
            assert_eq!(Event::of_target(event.target()), Some(*event));
        }
    }

    #[test]
    fn every_event_has_whole_sentences() {
        for event in Event::ALL {
            let said = event.meaning();
            assert!(said.ends_with('.') && !said.contains("  "), "{}: {said:?}", event.word());
        }
    }
}
