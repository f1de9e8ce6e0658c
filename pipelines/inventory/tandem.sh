#!/bin/sh
# The clusters as a dynamic inventory of Ansible:
#
#   ansible-inventory -i pipelines/inventory/tandem.sh --graph
#   ansible -i pipelines/inventory/tandem.sh cluster_obelix -m ping
#
# TANDEM_ENVIRONMENT limits it to one environment.
exec tandem inventory ${TANDEM_ENVIRONMENT:+--environment "$TANDEM_ENVIRONMENT"} "$@"
