variable "name" {}
variable "min" {}
variable "topic" {}

locals {
  prefix = "site"
}

resource "aws_lb_target_group" "this" {
  name                 = var.name
  port                 = 80
  deregistration_delay = 30
}

resource "aws_launch_template" "base" {
  instance_type = "m5.large"
  monitoring {
    enabled = true
  }
}

resource "aws_launch_template" "spot" {
  instance_type = "m5.large"
  instance_market_options {
    market_type = "spot"
    spot_options {
      max_price = "0.08"
    }
  }
}

resource "aws_autoscaling_group" "base" {
  name                    = "${local.prefix}-${var.name}-base"
  min_size                = var.min
  max_size                = 6
  default_cooldown        = 200
  default_instance_warmup = 60
  traffic_source {
    identifier = aws_lb_target_group.this.arn
    type       = "elbv2"
  }
  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity = 1
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.base.id
      }
      override {
        instance_type = "m5.large"
      }
      override {
        instance_type     = "m5.xlarge"
        weighted_capacity = var.name == "blog" ? 2 : 1
      }
    }
  }
}

resource "aws_autoscaling_group" "spot" {
  min_size          = 0
  max_size          = 12
  target_group_arns = [aws_lb_target_group.this.arn]
  launch_template {
    id      = aws_launch_template.spot.id
    version = aws_launch_template.spot.latest_version
  }
}

resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = "drain"
  autoscaling_group_name = aws_autoscaling_group.spot.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
}

resource "aws_autoscaling_policy" "step" {
  name                   = "step"
  autoscaling_group_name = aws_autoscaling_group.spot.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"
  step_adjustment {
    metric_interval_lower_bound = 10
    scaling_adjustment          = 3
  }
  step_adjustment {
    metric_interval_upper_bound = 10
    metric_interval_lower_bound = 0
    scaling_adjustment          = 1
  }
}

resource "aws_autoscaling_policy" "in" {
  name                   = "in"
  autoscaling_group_name = aws_autoscaling_group.spot.name
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = -1
}

resource "aws_autoscaling_policy" "interrupted" {
  name                   = "interrupted"
  autoscaling_group_name = aws_autoscaling_group.base.name
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = 1
}

resource "aws_autoscaling_policy" "track" {
  count                  = var.name == "shop" ? 1 : 0
  name                   = "track"
  autoscaling_group_name = aws_autoscaling_group.base.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    target_value = 40
  }
}

module "alarm" {
  for_each = {
    high = { threshold = 60, comparison = "GreaterThanOrEqualToThreshold", policy = aws_autoscaling_policy.step.arn }
    peak = { threshold = 90, comparison = "GreaterThanOrEqualToThreshold", policy = aws_autoscaling_policy.step.arn }
  }
  source     = "./alarm"
  name       = "${var.name}-${each.key}"
  threshold  = each.value.threshold
  comparison = each.value.comparison
  actions    = [each.value.policy, var.topic]
  group      = aws_autoscaling_group.spot.name
}

resource "aws_cloudwatch_metric_alarm" "low" {
  alarm_name          = "${var.name}-low"
  comparison_operator = "LessThanThreshold"
  evaluation_periods  = 5
  threshold           = 20
  period              = 60
  statistic           = "Average"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.spot.name }
  alarm_actions       = [aws_autoscaling_policy.in.arn]
  ok_actions          = [var.topic]
}

# Which group each of these is on, the plan's JSON does not tell.
resource "aws_autoscaling_lifecycle_hook" "boot" {
  for_each               = var.name == "blog" ? { base = aws_autoscaling_group.base.name, spot = aws_autoscaling_group.spot.name } : {}
  name                   = "boot"
  autoscaling_group_name = each.value
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
}
