//! `limits: (...)`: what is written innermost, and over it what was typed.

use provisor_core::containment::Containment;
use provisor_core::plan::Limits;

use super::Lowering;
use super::recipe::Layers;
use crate::fault::Fault;
use crate::human;
use crate::spec::{self, Scalar, ScalarValue};

impl<'e> Lowering<'e> {
    pub(super) fn limits(&mut self, layers: Layers<'e>) -> Limits {
        if let Some(total) = layers.inner.and_then(|inner| inner.limits?.total.as_ref()) {
            self.problems.fault(total.place, Fault::TotalOfOne);
        }
        let written = |get: fn(&spec::Limits) -> Option<&Scalar>| {
            layers.first(|settings| settings.limits.and_then(get))
        };
        let mut time = |name, get| written(get).and_then(|written| self.limit(name, written));
        let wall = time("wall", |limits| limits.wall.as_ref());
        let silence = time("silence", |limits| limits.silence.as_ref());
        let cpu = time("cpu", |limits| limits.cpu.as_ref());
        let mut size = |name, get| written(get).and_then(|written| self.size_limit(name, written));
        let memory = size("memory", |limits| limits.memory.as_ref());
        let output = size("output", |limits| limits.output.as_ref());
        let processes = written(|limits| limits.processes.as_ref());
        let processes = processes.and_then(|processes| self.number_limit("processes", processes));
        let grace = written(|limits| limits.grace.as_ref()).and_then(|grace| self.duration(grace));
        self.refuse_without_trees(layers);
        let typed = &self.around.overrides;
        Limits {
            wall: typed.wall.or(wall),
            silence: typed.silence.or(silence),
            cpu,
            memory: typed.memory.or(memory),
            output,
            processes,
            grace: typed.grace.or(grace).unwrap_or(Limits::DEFAULT_GRACE),
        }
    }

    /// Where only the group of a leader is known, nobody could hold what is a limit of a whole tree.
    fn refuse_without_trees(&mut self, layers: Layers<'e>) {
        let typed = &self.around.overrides;
        if typed.containment.or(self.job.containment) != Some(Containment::Group) {
            return;
        }
        if typed.memory.is_some() {
            self.problems.fault_of_words(Fault::LimitOfTree { limit: "memory" });
        }
        for limits in layers.all(|settings| settings.limits) {
            let written =
                [("cpu", &limits.cpu), ("memory", &limits.memory), ("processes", &limits.processes)];
            for (limit, written) in written {
                if let Some(written) = written {
                    self.problems.fault(written.place, Fault::LimitOfTree { limit });
                }
            }
        }
    }

    /// The same for what a pass says of its own.
    pub(super) fn refuse_pass_without_trees(&mut self, pass: &'e spec::Pass) {
        if self.around.overrides.containment.or(self.job.containment) != Some(Containment::Group) {
            return;
        }
        let spec::PassFields { cpu, memory, processes, .. } = &pass.fields;
        for (limit, written) in [("cpu", cpu), ("memory", memory), ("processes", processes)] {
            if let Some(written) = written {
                self.problems.fault(written.place, Fault::LimitOfTree { limit });
            }
        }
    }

    /// A limit of nothing would end everything at once, which nobody means.
    pub(super) fn limit(&mut self, limit: &'static str, written: &Scalar) -> Option<std::time::Duration> {
        let duration = self.duration(written)?;
        self.refuse_nothing(limit, written, duration.is_zero());
        Some(duration)
    }

    pub(super) fn size_limit(&mut self, limit: &'static str, written: &Scalar) -> Option<u64> {
        let size = self.human(written, human::size)?;
        self.refuse_nothing(limit, written, size == 0);
        Some(size)
    }

    pub(super) fn number_limit(&mut self, limit: &'static str, written: &Scalar) -> Option<u32> {
        let number = match written.value {
            ScalarValue::Integer(number) => u32::try_from(number).ok(),
            ScalarValue::Text(_) | ScalarValue::Real(_) => None,
        };
        match number {
            Some(number) => self.refuse_nothing(limit, written, number == 0),
            None => self.problems.fault(written.place, Fault::NoCount { limit }),
        }
        number
    }

    fn refuse_nothing(&mut self, limit: &'static str, written: &Scalar, is_nothing: bool) {
        if is_nothing {
            self.problems.fault(written.place, Fault::ZeroLimit { limit });
        }
    }
}
