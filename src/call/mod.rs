//! One task per call: feeds the turn machine, does what it says.
