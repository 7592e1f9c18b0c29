//! Does what the core decides; decides nothing itself. Modules stand in the order of the core's.
