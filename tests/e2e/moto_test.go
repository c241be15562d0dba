//go:build moto

package e2e

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/logferry/logferry/pkg/localcloud/notification"
	"github.com/logferry/logferry/tests/story"
)

// crowd is how many messages may wait on a moto queue: it scans its list of
// messages on every call.
const crowd = 50

// moto is an AWS stand-in that nobody here wrote.
type moto struct {
	ctx      context.Context
	s3       *s3.Client
	sqs      *sqs.Client
	endpoint string
	url      string
}

// startMoto runs moto_server with a bucket that announces its new objects on a
// queue.
func startMoto(t *testing.T) *moto {
	t.Helper()
	address := story.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command("moto_server", "-H", "127.0.0.1", "-p", port)
	if err := server.Start(); err != nil {
		t.Fatalf("start moto_server: %v; install it with: pip install 'moto[server]'", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	m := &moto{ctx: context.WithoutCancel(t.Context()), endpoint: "http://" + address}
	story.Eventually(t, time.Minute, "moto_server", func() bool { return story.Answers(t.Context(), m.endpoint+"/moto-api/") })
	if err := m.furnish(); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *moto) env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + m.endpoint, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=", "AWS_EC2_METADATA_DISABLED=true",
	}
}

func (m *moto) furnish() error {
	cfg, err := config.LoadDefaultConfig(m.ctx, config.WithRegion("us-east-1"), config.WithBaseEndpoint(m.endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		return err
	}
	m.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	m.sqs = sqs.NewFromConfig(cfg)
	if _, err := m.s3.CreateBucket(m.ctx, &s3.CreateBucketInput{Bucket: aws.String(story.Bucket)}); err != nil {
		return err
	}
	queue, err := m.sqs.CreateQueue(m.ctx, &sqs.CreateQueueInput{QueueName: aws.String(story.Queue)})
	if err != nil {
		return err
	}
	m.url = aws.ToString(queue.QueueUrl)
	_, err = m.s3.PutBucketNotificationConfiguration(m.ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(story.Bucket),
		NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{{
				QueueArn: aws.String("arn:aws:sqs:us-east-1:123456789012:" + story.Queue),
				Events:   []s3types.Event{"s3:ObjectCreated:*"},
			}},
		},
	})
	return err
}

// Put stores an object; moto announces it, and so it arrives announced twice
// when a story sends a message of its own.
func (m *moto) Put(key string, body []byte) (notification.Object, error) {
	out, err := m.s3.PutObject(m.ctx, &s3.PutObjectInput{Bucket: aws.String(story.Bucket), Key: aws.String(key), Body: bytes.NewReader(body)})
	if err != nil {
		return notification.Object{}, err
	}
	return notification.Object{
		Bucket: story.Bucket, Key: key, Size: int64(len(body)), ETag: strings.Trim(aws.ToString(out.ETag), `"`),
		Region: "us-east-1", Account: "123456789012", Time: time.Now(),
	}, nil
}

// Send waits while the queue is crowded.
func (m *moto) Send(body string) error {
	for {
		waiting, _, err := m.Depth()
		if err != nil {
			return err
		}
		if waiting < crowd {
			break
		}
	}
	_, err := m.sqs.SendMessage(m.ctx, &sqs.SendMessageInput{QueueUrl: aws.String(m.url), MessageBody: aws.String(body)})
	return err
}

func (m *moto) Depth() (waiting, dead int, err error) {
	out, err := m.sqs.GetQueueAttributes(m.ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(m.url), AttributeNames: []sqstypes.QueueAttributeName{"All"},
	})
	if err != nil {
		return 0, 0, err
	}
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		n, err := strconv.Atoi(out.Attributes[name])
		if err != nil {
			return 0, 0, err
		}
		waiting += n
	}
	return waiting, 0, nil
}

// The whole pipeline against an AWS that nobody here wrote. Objects are put
// while it runs, since moto's queues are slow when they are long.
func TestMoto(t *testing.T) {
	s := story.New(t)
	m := startMoto(t)
	s.AWS, s.Env = m, m.env()
	s.Config.Connections[0].QueueURL = m.url
	p := s.Start("logferry", "run")
	s.Mixed()
	t.Log(s)
	s.Delivered()
	s.Buried(s.EmbeddedBus())
	p.Stop()
}

func TestMotoFourServicesTwiceEach(t *testing.T) {
	s := story.New(t)
	m := startMoto(t)
	s.AWS, s.Env = m, m.env()
	s.Config.Connections[0].QueueURL = m.url
	s.Config.Bus.URL = story.StartBus(t).URL
	var all []*story.Process
	for _, name := range story.Services() {
		all = append(all, s.Start(name), s.Start(name))
	}
	s.Mixed()
	s.Delivered()
	s.Buried(s.Config.Bus.URL)
	for _, p := range all {
		p.Stop()
	}
}
