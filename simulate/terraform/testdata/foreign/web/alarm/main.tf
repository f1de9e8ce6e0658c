variable "name" {}
variable "threshold" {}
variable "comparison" {}
variable "actions" {}
variable "group" {}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = var.name
  comparison_operator = var.comparison
  evaluation_periods  = 2
  threshold           = var.threshold
  period              = 60
  statistic           = "Average"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  dimensions          = { AutoScalingGroupName = var.group }
  alarm_actions       = var.actions
}
