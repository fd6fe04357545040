"""Rules that torch differentiates: STiDi-BP, its surrogate, two-phase networks."""
