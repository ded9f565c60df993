package clients

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func newSubscription(t *testing.T, ordered bool) (*pubsub.Publisher, *pubsub.Subscriber) {
	t.Helper()
	client, err := pubsub.NewClient(t.Context(), project())
	check(t, err)
	t.Cleanup(func() { client.Close() })
	topic := fmt.Sprintf("projects/%s/topics/%s", project(), unique("topic"))
	_, err = client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic})
	check(t, err)
	subscription := fmt.Sprintf("projects/%s/subscriptions/%s", project(), unique("subscription"))
	_, err = client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: subscription, Topic: topic, EnableMessageOrdering: ordered,
	})
	check(t, err)
	publisher := client.Publisher(topic)
	publisher.EnableMessageOrdering = ordered
	t.Cleanup(publisher.Stop)
	return publisher, client.Subscriber(subscription)
}

// receive hands each message to handle until `want` messages are acknowledged; handle returns false for a nack.
func receive(t *testing.T, subscriber *pubsub.Subscriber, want int, handle func(*pubsub.Message) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mutex sync.Mutex
	acknowledged := 0
	check(t, subscriber.Receive(ctx, func(_ context.Context, message *pubsub.Message) {
		mutex.Lock()
		defer mutex.Unlock()
		if !handle(message) {
			message.Nack()
			return
		}
		message.Ack()
		if acknowledged++; acknowledged == want {
			cancel()
		}
	}))
	equal(t, "acknowledged messages", acknowledged, want)
}

func TestPublishAndPull(t *testing.T) {
	publisher, subscriber := newSubscription(t, false)
	var published []string
	for i := range 100 {
		message := &pubsub.Message{Data: fmt.Appendf(nil, "reading %d", i), Attributes: map[string]string{"n": fmt.Sprint(i)}}
		id, err := publisher.Publish(t.Context(), message).Get(t.Context())
		check(t, err)
		published = append(published, id)
	}
	var received []string
	receive(t, subscriber, 100, func(message *pubsub.Message) bool {
		equal(t, "data", string(message.Data), "reading "+message.Attributes["n"])
		received = append(received, message.ID)
		return true
	})
	slices.Sort(published)
	slices.Sort(received)
	equal(t, "ids", received, published)
}

func TestNackedMessageComesAgain(t *testing.T) {
	publisher, subscriber := newSubscription(t, false)
	_, err := publisher.Publish(t.Context(), &pubsub.Message{Data: []byte("x")}).Get(t.Context())
	check(t, err)
	deliveries := 0
	receive(t, subscriber, 1, func(*pubsub.Message) bool {
		deliveries++
		return deliveries == 2
	})
}

func TestOrderingKeys(t *testing.T) {
	publisher, subscriber := newSubscription(t, true)
	for i := range 50 {
		message := &pubsub.Message{Data: fmt.Appendf(nil, "%02d", i/2), OrderingKey: fmt.Sprintf("device-%d", i%2)}
		_, err := publisher.Publish(t.Context(), message).Get(t.Context())
		check(t, err)
	}
	received := map[string][]string{}
	receive(t, subscriber, 50, func(message *pubsub.Message) bool {
		received[message.OrderingKey] = append(received[message.OrderingKey], string(message.Data))
		return true
	})
	for key, data := range received {
		equal(t, "order of "+key, slices.IsSorted(data) && len(data) == 25, true)
	}
}

func TestMissingTopic(t *testing.T) {
	client, err := pubsub.NewClient(t.Context(), project())
	check(t, err)
	defer client.Close()
	publisher := client.Publisher("missing")
	defer publisher.Stop()
	_, err = publisher.Publish(t.Context(), &pubsub.Message{Data: []byte("x")}).Get(t.Context())
	equal(t, "code", status.Code(err), codes.NotFound)
}
