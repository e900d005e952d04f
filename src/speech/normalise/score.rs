//! How far what was heard is from what was said: the fewest words or letters to change. Our own few
//! lines, because the well-kept crates give the distance and not the alignment.

/// Longest reference that is aligned: a transcription has 30 s, which is a tenth of it. Bounds the
/// table, which has a cell for each pair.
pub const REFERENCE_CHARS_MAX: usize = 4_000;

/// One place of an alignment, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The same in both.
    Same(usize, usize),
    /// Said one thing, heard another.
    Substituted(usize, usize),
    /// Said and not heard.
    Deleted(usize),
    /// Heard and not said.
    Inserted(usize),
}

/// What an alignment sums up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Edits {
    /// Length of the reference.
    pub of: usize,
    /// Heard as something else.
    pub substituted: usize,
    /// Not heard.
    pub deleted: usize,
    /// Not said.
    pub inserted: usize,
}

impl Edits {
    /// All errors.
    pub fn errors(self) -> usize {
        self.substituted + self.deleted + self.inserted
    }

    /// Errors for each unit said; more than 1 where more was invented than said. Nothing said and
    /// nothing heard is right.
    pub fn rate(self) -> f64 {
        match (self.of, self.errors()) {
            (_, 0) => 0.0,
            (0, _) => 1.0,
            (of, errors) => errors as f64 / of as f64,
        }
    }
}

impl std::ops::Add for Edits {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            of: self.of + other.of,
            substituted: self.substituted + other.substituted,
            deleted: self.deleted + other.deleted,
            inserted: self.inserted + other.inserted,
        }
    }
}

impl std::iter::Sum for Edits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, edits| sum + edits)
    }
}

/// The cheapest way from `said` to `heard`, in order. Both must be of bounded length.
pub fn align<T: PartialEq>(said: &[T], heard: &[T]) -> Vec<Step> {
    let width = heard.len() + 1;
    // costs[i * width + j]: the first i of `said` against the first j of `heard`.
    let mut costs = vec![0_u32; (said.len() + 1) * width];
    for (j, cost) in costs.iter_mut().take(width).enumerate() {
        *cost = j as u32;
    }
    for i in 1..=said.len() {
        costs[i * width] = i as u32;
        for j in 1..width {
            let change = u32::from(said[i - 1] != heard[j - 1]);
            let diagonal = costs[(i - 1) * width + j - 1] + change;
            let deleted = costs[(i - 1) * width + j] + 1;
            let inserted = costs[i * width + j - 1] + 1;
            costs[i * width + j] = diagonal.min(deleted).min(inserted);
        }
    }
    let (mut i, mut j) = (said.len(), heard.len());
    let mut steps = Vec::with_capacity(i.max(j));
    while i > 0 || j > 0 {
        let cost = costs[i * width + j];
        let same = i > 0 && j > 0 && said[i - 1] == heard[j - 1];
        if i > 0 && j > 0 && cost == costs[(i - 1) * width + j - 1] + u32::from(!same) {
            (i, j) = (i - 1, j - 1);
            steps.push(if same { Step::Same(i, j) } else { Step::Substituted(i, j) });
        } else if i > 0 && cost == costs[(i - 1) * width + j] + 1 {
            i -= 1;
            steps.push(Step::Deleted(i));
        } else {
            j -= 1;
            steps.push(Step::Inserted(j));
        }
    }
    steps.reverse();
    steps
}

/// The sum of [`align`].
pub fn edits<T: PartialEq>(said: &[T], heard: &[T]) -> Edits {
    let mut edits = Edits { of: said.len(), ..Edits::default() };
    for step in align(said, heard) {
        match step {
            Step::Same(..) => {}
            Step::Substituted(..) => edits.substituted += 1,
            Step::Deleted(_) => edits.deleted += 1,
            Step::Inserted(_) => edits.inserted += 1,
        }
    }
    edits
}
