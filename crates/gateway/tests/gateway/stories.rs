//! What other gateways got wrong, one test each.
