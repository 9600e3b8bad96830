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
    /// Who is known without an attempt is counted as if it had run.
    ForegoneCountedAsRunning,
    /// Every pass is carried out as the first one.
    PassForgottenAtStart,
    /// The roster is told that a pass follows whatever the one before has come to.
    RuleForgotten,
    /// The roster is told of no further passes.
    PassesForgotten,
    /// The roster is told of no needs.
    NeedsForgotten,
    /// The roster is not told what earlier runs have decided.
    DecidedForgotten,
    /// The roster is told of no scenarios.
    ScenariosForgotten,
    /// The roster is told that what is true of a weaker attacker is true of a stronger one.
    LatticeTurned,
    /// A ladder that is taken up begins with its first pass.
    RungForgottenAtResume,
    /// A ladder that is taken up leaves out a pass.
    RungTooHighAtResume,
    /// A ladder that is taken up does not know what was said.
    SaidForgottenAtResume,
    /// What is known without an attempt is taken for measured by the next run.
    DerivedKeptAtResume,
    /// The roster is told that who has to end well only has to be over.
    WellIsAnyEnd,
    /// The roster is told that who has to be over has to end well.
    OverIsOnlyWell,
    /// The roster is not told what is expected of the queries.
    HopesForgotten,
    /// A run that is taken up keeps what rests on others, whatever becomes of those.
    NeedsForgottenAtResume,
    /// Those that are started at once are started in the reverse order.
    StartsOutOfOrder,
}

impl Fault {
    pub(crate) const ALL: [(Self, Law); 45] = [
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
        (Self::ForegoneCountedAsRunning, Law::TheCountsAreTrue),
        (Self::PassForgottenAtStart, Law::APassIsAskedInItsOwnWay),
        (Self::RuleForgotten, Law::APassFollowsItsRule),
        (Self::PassesForgotten, Law::APassFollowsItsRule),
        (Self::NeedsForgotten, Law::NoneStartsBeforeItsNeeds),
        (Self::DecidedForgotten, Law::WhatIsSkippedCouldNotBeAsked),
        (Self::ScenariosForgotten, Law::WhatFollowsIsNotMeasured),
        (Self::LatticeTurned, Law::WhatIsImpliedFollows),
        (Self::RungForgottenAtResume, Law::NoRowIsDoubled),
        (Self::RungTooHighAtResume, Law::APassFollowsItsRule),
        (Self::SaidForgottenAtResume, Law::WhatAPassSaidIsRemembered),
        (Self::DerivedKeptAtResume, Law::WhatIsDerivedIsDecidedAnew),
        (Self::WellIsAnyEnd, Law::NoneStartsBeforeItsNeeds),
        (Self::OverIsOnlyWell, Law::WhatIsSkippedCouldNotBeAsked),
        (Self::HopesForgotten, Law::NoneStartsBeforeItsNeeds),
        (Self::NeedsForgottenAtResume, Law::WhatStandsRestsOnWhatStands),
        (Self::StartsOutOfOrder, Law::EarlierPassesComeFirst),
    ];
}
