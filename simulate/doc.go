// Package simulate replays a load against the scaling policies of a cluster
// with the documented semantics of CloudWatch alarms and EC2 Auto Scaling, and
// says what would have happened: capacity, CPU, activities, work that nobody
// served, and cost.
//
//	Terraform JSON, plan, state ──┐
//	tandem.yaml, Go types ────────┴─> Cluster ──┐
//	CSV or generated ───────────────> Load ─────┼─> Run ──> Result
//	what AWS leaves open ───────────> Model ────┘
//
// The same scenario and seed give the same result, byte for byte.
//
// Run is one simulation, a Simulator many, one after the other, without
// allocating; Sweep tries the range of every parameter that AWS leaves open.
// Around it, packages of their own: terraform and environment find clusters,
// catalog knows prices, load and market read what happens to a cluster, report
// says what was found as text, JSON, page or chart, and tune searches for a
// cheaper policy.
//
// It knows one number of an instance, its CPU. Whoever scales on other metrics,
// by target tracking or by a schedule cannot use it; docs/simulate-model.md lists
// every rule, how well it is known, and what is not simulated.
package simulate
