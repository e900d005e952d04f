//! What is said: history as heard, prompts, tokens cut into clauses.
