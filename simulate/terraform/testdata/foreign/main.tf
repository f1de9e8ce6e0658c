variable "region" { default = "eu-west-1" }

provider "aws" { region = var.region }

resource "aws_sns_topic" "pager" { name = "pager" }

# Two sites from one module, each with two groups that share a target group.
module "web" {
  for_each = { shop = 2, blog = 1 }
  source   = "./web"
  name     = each.key
  min      = each.value
  topic    = aws_sns_topic.pager.arn
}

# A launch configuration with a bid, one group by count, registered by an attachment.
resource "aws_lb_target_group" "batch" {
  port = 80
}

resource "aws_launch_configuration" "batch" {
  image_id      = "ami-1"
  instance_type = "c5.xlarge"
  spot_price    = "0.09"
}

resource "aws_autoscaling_group" "batch" {
  count                = 2
  name_prefix          = "batch-${count.index}-"
  launch_configuration = aws_launch_configuration.batch.name
  min_size             = 0
  max_size             = 9
  initial_lifecycle_hook {
    name                 = "boot"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 90
  }
}

resource "aws_autoscaling_attachment" "batch" {
  count                  = 2
  autoscaling_group_name = aws_autoscaling_group.batch[count.index].id
  lb_target_group_arn    = aws_lb_target_group.batch.arn
}

resource "aws_autoscaling_policy" "batch" {
  count                  = 2
  name                   = "up-${count.index}"
  autoscaling_group_name = aws_autoscaling_group.batch[count.index].name
  adjustment_type        = "ExactCapacity"
  scaling_adjustment     = 5
  cooldown               = 0
}

# The CPU of the first group moves both.
resource "aws_cloudwatch_metric_alarm" "batch" {
  alarm_name          = "batch"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 70
  alarm_actions       = aws_autoscaling_policy.batch[*].arn
  treat_missing_data  = "notBreaching"
  metric_query {
    id          = "cpu"
    return_data = true
    metric {
      namespace   = "AWS/EC2"
      metric_name = "CPUUtilization"
      period      = 120
      stat        = "Maximum"
      dimensions  = { AutoScalingGroupName = aws_autoscaling_group.batch[0].name }
    }
  }
}
