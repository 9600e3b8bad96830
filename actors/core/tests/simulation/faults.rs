//! Faults that can be planted in the simulated world, each with the law that has to find it. They stand where the real
//! thing would have them: in the shell, in the writer, in the guardian, at the start of the next run.

use crate::laws::Law;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The writer says that rows are durable before it has asked the disk for that.
    AckBeforeSync,
    /// The writer says that rows are durable when it gets them, and commits later.
    CommitAfterCount,
    /// A failed sync is taken for one that has worked.
    FailedSyncIgnored,
    /// The writer says that one more row is durable than it has committed.
    OneRowTooManyAcknowledged,
    /// The first commit of a run is not waited for: what it found on the disk may not be there yet.
    NoSyncAtTheStart,
    /// What stands at the end of the journal is read although it is torn.
    TornTailTaken,
    /// A run that is taken up runs again what is done.
    DoneForgottenAtResume,
    /// A run that is taken up numbers its attempts from 1.
    AttemptsForgottenAtResume,
    /// An actor that panics leaves its child alone.
    ForgottenKillOnDrop,
    /// The guardian forgets the last child when its supervisor dies.
    GuardianForgetsAChild,
    /// The next start does not look for what both have left behind.
    NothingSweptAtStart,
    /// The sweep reaps the leader and leaves the rest alive.
    LeftoverNotSwept,
    /// Kill is not sent on.
    KillNotSent,
    /// An attempt that is only just being started does not hear that it is to end.
    AbortLostWhileStarting,
    /// At the end of an attempt whose slot is free already a further slot is given back.
    SlotFreedTwice,
    /// A slot is free as soon as the end of its child begins.
    SlotFreedTooEarly,
    /// The desk does not hear that the disk is full.
    StalledDiskIgnored,
    /// The desk does not hear that somebody interrupts.
    InterruptNotHeard,
    /// The desk does not know of the deadline.
    DeadlineNotHeard,
    /// The writer says what is durable before it says that something has found no room.
    StallToldTooLate,
    /// A run is taken for over while what follows its rows finds no room.
    StallForgottenAtTheEnd,
    /// Whoever ends the run does not hand on the rows that are not on the disk.
    UnwrittenForgotten,
    /// Nobody wakes the desk.
    RetryForgotten,
    /// Nobody says that an actor has panicked.
    DeathNotTold,
    /// The roster is not told what a query is expected to need.
    MemoryForgotten,
    /// Whoever was killed for its memory is given what it had.
    RaisedLimitForgotten,
    /// A start that the system had no means for is taken for a failure.
    ShortageIsFinal,
    /// Whoever waits again is not counted as waiting.
    RequeuedNotCounted,
}

impl Fault {
    pub(crate) const ALL: [(Self, Law); 28] = [
        (Self::AckBeforeSync, Law::NoAcknowledgedRowIsLost),
        (Self::CommitAfterCount, Law::NoAcknowledgedRowIsLost),
        (Self::FailedSyncIgnored, Law::NoAcknowledgedRowIsLost),
        (Self::OneRowTooManyAcknowledged, Law::NoAcknowledgedRowIsLost),
        (Self::NoSyncAtTheStart, Law::NoAcknowledgedRowIsLost),
        (Self::TornTailTaken, Law::NoRowIsMadeUp),
        (Self::DoneForgottenAtResume, Law::NoRowIsDoubled),
        (Self::AttemptsForgottenAtResume, Law::NoRowIsDoubled),
        (Self::ForgottenKillOnDrop, Law::NoProcessIsWithoutOwner),
        (Self::GuardianForgetsAChild, Law::NoProcessIsWithoutOwner),
        (Self::NothingSweptAtStart, Law::NoProcessIsWithoutOwner),
        (Self::LeftoverNotSwept, Law::NoProcessIsWithoutOwner),
        (Self::KillNotSent, Law::EveryQueryEnds),
        (Self::AbortLostWhileStarting, Law::AnInterruptionEndsTheRun),
        (Self::SlotFreedTwice, Law::SlotsAreNeverExceeded),
        (Self::SlotFreedTooEarly, Law::SlotsAreNeverExceeded),
        (Self::StalledDiskIgnored, Law::NothingStartsWhileTheDiskIsFull),
        (Self::InterruptNotHeard, Law::NothingStartsInAnEndingRun),
        (Self::DeadlineNotHeard, Law::NothingStartsInAnEndingRun),
        (Self::StallToldTooLate, Law::WhatIsMissingIsSaid),
        (Self::StallForgottenAtTheEnd, Law::WhatIsMissingIsSaid),
        (Self::UnwrittenForgotten, Law::NoRowIsForgotten),
        (Self::RetryForgotten, Law::EveryQueryEnds),
        (Self::DeathNotTold, Law::EveryQueryEnds),
        (Self::MemoryForgotten, Law::MemoryIsNeverExceeded),
        (Self::RaisedLimitForgotten, Law::WhoNeedsMoreIsGivenMore),
        (Self::ShortageIsFinal, Law::AShortageIsNoRow),
        (Self::RequeuedNotCounted, Law::TheCountsAreTrue),
    ];
}
