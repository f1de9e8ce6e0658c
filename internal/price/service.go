package price

// Service is something that AWS charges for by the unit, other than instances.
type Service string

// The services that the file has prices of. Where AWS has tiers, it is the
// price of the first.
const (
	// ALBHour is an hour of an Application Load Balancer.
	ALBHour Service = "alb_hour"
	// ALBCapacityUnitHour is an hour of one load balancer capacity unit (LCU):
	// https://aws.amazon.com/elasticloadbalancing/pricing/
	ALBCapacityUnitHour Service = "alb_lcu_hour"
	// NATGatewayHour is an hour of a NAT gateway.
	NATGatewayHour Service = "nat_gateway_hour"
	// NATGatewayGB is a GB that a NAT gateway processes.
	NATGatewayGB Service = "nat_gateway_gb"
	// GP3Month is a month of a GB of a gp3 volume, with the 3,000 IOPS and 125
	// MB/s that come with it.
	GP3Month Service = "gp3_gb_month"
	// MetricMonth is a month of one metric of CloudWatch, custom or of detailed
	// monitoring: https://aws.amazon.com/cloudwatch/pricing/
	MetricMonth Service = "metric_month"
	// AlarmMonth is a month of one metric that a standard alarm watches; one
	// over metric math pays for each of its metrics.
	AlarmMonth Service = "alarm_metric_month"
	// HighResolutionAlarmMonth is AlarmMonth with a period of 10 or 30 s.
	HighResolutionAlarmMonth Service = "alarm_high_resolution_metric_month"
	// S3StandardMonth is a month of a GB in S3's standard storage class.
	S3StandardMonth Service = "s3_standard_gb_month"
	// PublicIPv4Hour is an hour of a public IPv4 address, an Elastic IP among
	// them, in use or not: https://aws.amazon.com/vpc/pricing/
	PublicIPv4Hour Service = "public_ipv4_hour"
)

// Services are all there are, in the order in which they are shown.
func Services() []Service {
	return []Service{
		ALBHour, ALBCapacityUnitHour, NATGatewayHour, NATGatewayGB, GP3Month,
		MetricMonth, AlarmMonth, HighResolutionAlarmMonth, S3StandardMonth, PublicIPv4Hour,
	}
}

// DetailedMonitoringMetrics is how many metrics CloudWatch charges for on an
// instance with detailed monitoring:
// https://aws.amazon.com/cloudwatch/pricing/ (example 1)
const DetailedMonitoringMetrics = 7

// DetailedMonitoringMonth is the price of detailed monitoring of one instance
// for a month, in the region's Currency.
func (c *Catalog) DetailedMonitoringMonth(region string) (perInstance float64, ok bool) {
	metric, ok := c.Service(region, MetricMonth)
	return DetailedMonitoringMetrics * metric, ok
}
