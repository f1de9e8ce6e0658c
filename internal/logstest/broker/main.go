// Command broker is a Kafka broker in a process of its own, so that it can be
// killed: what it has acknowledged is there when it starts again.
//
//	broker -port 9092 -data DIRECTORY -topic logs -partitions 4
//
//	broker -send 127.0.0.1:9092 -topic logs MESSAGE...
//
//	broker -change 127.0.0.1:9092 -certificate FILE -user USER -password OLD NEW
//
// It is a module of its own, so that what kfake requires is nobody else's
// business.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

func run() error {
	port := flag.Int("port", 0, "port to listen on; 0: a free one")
	data := flag.String("data", "", "directory to keep everything in")
	topic := flag.String("topic", "logs", "topic that there is")
	partitions := flag.Int("partitions", 4, "its partitions")
	certificate := flag.String("certificate", "", "PEM file with certificate and key, to speak TLS")
	user := flag.String("user", "", "user that has to log in by SCRAM-SHA-512")
	password := flag.String("password", "", "that user's password")
	send := flag.String("send", "", "send messages to the broker at an `address` instead")
	change := flag.String("change", "", "change the user's password at the broker at an `address` instead")
	flag.Parse()
	as := login{*certificate, *user, *password}
	switch {
	case *send != "":
		return as.produce(*send, *topic, flag.Args())
	case *change != "":
		return as.change(*change, flag.Arg(0))
	}
	known, err := versions()
	if err != nil {
		return err
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(*port), kfake.DataDir(*data), kfake.SeedTopics(int32(*partitions), *topic),
		// What holds a lease on partitions and was killed is to lose them soon.
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	}
	secure, err := as.options()
	if err != nil {
		return err
	}
	options = append(options, secure...)
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	welcomeLibrdkafka(cluster, known)
	fmt.Println(cluster.ListenAddrs()[0])
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	<-end
	return nil
}

// produce sends messages, as anybody may who can log in.
func (l login) produce(address, topic string, messages []string) error {
	client, err := l.client(address, kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, message := range messages {
		if err := client.ProduceSync(context.Background(), kgo.StringRecord(message)).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}
