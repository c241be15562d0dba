package onaws

import "testing"

func TestSameAttribute(t *testing.T) {
	f := func(have, want string, same bool) {
		t.Helper()
		if got := sameAttribute(have, want); got != same {
			t.Errorf("%s and %s: got %t; want %t", have, want, got, same)
		}
	}
	f("300", "300", true)
	f("30", "300", false)
	f("", "300", false)
	// SQS writes the number as it was told, and members in any order
	f(`{"maxReceiveCount":"50","deadLetterTargetArn":"a"}`, `{"deadLetterTargetArn":"a","maxReceiveCount":50}`, true)
	f(`{"maxReceiveCount":5,"deadLetterTargetArn":"a"}`, `{"deadLetterTargetArn":"a","maxReceiveCount":50}`, false)
	f(`{"redrivePermission":"byQueue","sourceQueueArns":["a"]}`, `{"sourceQueueArns":["a"],"redrivePermission":"byQueue"}`, true)
	f(`{"redrivePermission":"byQueue","sourceQueueArns":["a"]}`, `{"sourceQueueArns":["b"],"redrivePermission":"byQueue"}`, false)
}
