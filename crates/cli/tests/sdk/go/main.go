// Sends one event in every mode of the official Go SDK. Arguments: URL, API key.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	url, key := os.Args[1], os.Args[2]
	event := cloudevents.NewEvent()
	event.SetID("ü 1 \"100%\"")
	event.SetSource("/a%20go/sdk")
	event.SetType("chat")
	event.SetSubject("acme")
	event.SetTime(time.Now().Add(-time.Minute))
	if err := event.SetData(cloudevents.ApplicationJSON, map[string]any{"tokens": 1_000_000}); err != nil {
		panic(err)
	}
	authorization := cehttp.WithHeader("Authorization", "Bearer "+key)
	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(url+"/v1/events"), authorization)
	if err != nil {
		panic(err)
	}
	modes := []context.Context{
		cloudevents.WithEncodingStructured(context.Background()),
		cloudevents.WithEncodingBinary(context.Background()),
	}
	for _, mode := range modes {
		if result := client.Send(mode, event); !cloudevents.IsACK(result) {
			panic(result)
		}
	}
	batch, err := cehttp.NewHTTPRequestFromEvents(context.Background(), url+"/v1/events", []cloudevents.Event{event, event})
	if err != nil {
		panic(err)
	}
	batch.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(batch)
	if err != nil || answer.StatusCode != http.StatusOK {
		panic(fmt.Sprint(answer, err))
	}
}
