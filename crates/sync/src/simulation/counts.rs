//! How often what can happen in a run has happened.

/// What happened in a run.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) applied: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) changed: u64,
    pub(super) cuts: u64,
    pub(super) restarts: u64,
    pub(super) full: u64,
    pub(super) rotated: u64,
    pub(super) kept: u64,
    pub(super) restored: u64,
    pub(super) raised: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.applied += other.applied;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.changed += other.changed;
        self.cuts += other.cuts;
        self.restarts += other.restarts;
        self.full += other.full;
        self.rotated += other.rotated;
        self.kept += other.kept;
        self.restored += other.restored;
        self.raised += other.raised;
    }

    pub(super) fn is_eventful(&self) -> bool {
        let on_the_way = [self.lost, self.doubled, self.changed, self.cuts];
        let of_edges = [self.applied, self.restarts, self.full];
        let of_trust = [self.rotated, self.kept, self.restored, self.raised];
        let counts = on_the_way.into_iter().chain(of_edges).chain(of_trust);
        counts.min() > Some(100)
    }
}
