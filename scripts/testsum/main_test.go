package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name, in string
		failed   bool
		want     []string
		not      []string
	}{
		{"passes", `{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`, false, []string{"ok  \tp\t0.1s\n", "1 passed, 0 failed\n"}, []string{"chatter"}},
		{"fails", `{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`, true, []string{"--- FAIL: TestA\n", "FAIL\tp\t0.1s\n", "0 passed, 1 failed\n"}, nil},
		{"does not build", `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: wrong\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`, true, []string{"p.go:1: wrong\n", "FAIL\tp [build failed]\n", "0 passed, 1 failed\n"}, nil},
		{"panics outside a test", `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"panic: oh\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`, true, []string{"panic: oh\n", "1 passed, 1 failed\n"}, nil},
		{"skips", `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: no such program\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestB"}
`, false, []string{"no such program\n", "1 passed, 0 failed, 1 skipped\n"}, []string{"=== RUN"}},
		{"nothing ran", "go: no modules\n", true, []string{"go: no modules\n", "0 passed, 0 failed\n"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			failed, err := summarize(strings.NewReader(tt.in), &out)
			if err != nil || failed != tt.failed {
				t.Fatalf("failed %v, err %v; want %v", failed, err, tt.failed)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("output lacks %q:\n%s", w, out.String())
				}
			}
			for _, w := range tt.not {
				if strings.Contains(out.String(), w) {
					t.Errorf("output has %q:\n%s", w, out.String())
				}
			}
		})
	}
}
