package behaviour

// Clusters is clusters for tests.
var Clusters = clusters
