// Package rescue is the agent on an instance that may have to go: it watches
// for the end, calls for a replacement and leaves without dropping a request.
//
//	instance metadata ──> Agent ─┬─> rescue: execute the policy of the on-demand group, +1
//	                             └─> drain:  deregister ─> keep serving ─> hooks ─> flush ─> marker
//
// Rescue and drain begin at the same moment and neither waits for the other. An
// instance that is in no target group has nothing to deregister from, and its
// hooks run at once.
//
//	what is seen                     rescue               drain
//	interruption: terminate, stop    yes                  yes
//	interruption: hibernate          yes                  deregister, flush and marker: it begins at once
//	rebalance recommendation         with Prelaunch       no
//	group terminates the instance    no                   yes, then the lifecycle action is completed
//	group puts it on standby         no                   no
//	interruption gone again          is not taken back    is called off, unless hooks have begun
//
// # Time
//
// The deadline of each step is computed backward from the end, see Schedule.
// The end is a time of AWS's and this machine's clock may be wrong, so it is
// converted by the Date of the metadata service's answers, and is never
// further away than a notice lasts. Where answers have no Date, what the clock
// says is bounded by what is certain: the notice is younger than the last
// answer that there was none. See Budget.End.
//
// # Exactly once
//
// What has been done is in a journal, written before and after each step, so
// that an agent that was killed goes on where it was. Executing a policy cannot
// be made idempotent: AWS takes no token for it. When the outcome of an attempt
// is unknown, because the agent was killed or the answer lost, the desired
// capacity tells: that from before the attempt is in the journal.
//
//	no higher than before    the attempt came to nothing: execute again
//	higher by one            it was this attempt: done
//	higher by more           several instances are being rescued and this one
//	                         may not be among them: execute again
//
// In doubt are only attempts that were cut off: by a kill, by a connection that
// broke, by a server error other than 503. What AWS refuses, throttles or turns
// away with 503 was not executed.
//
// What remains: one instance too many, where several are interrupted at once;
// one too few, where an attempt that was cut off came to nothing and the only
// capacity added within those few seconds was somebody else's. An extra instance
// costs cents, a missing one drops calls, so where the capacity is not higher by
// just one, or not known, the policy is executed again.
package rescue
