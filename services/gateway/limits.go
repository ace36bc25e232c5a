package gateway

import "time"

const (
	// maxBody bounds a request's body: a scan request with a 4 KiB path and every option is below 10 KiB.
	maxBody = 64 << 10
	// bodyTime bounds reading a body, so that a slow sender can't hold a connection.
	bodyTime = 10 * time.Second
	// headerTime bounds reading a request's headers, for the same reason.
	headerTime = 5 * time.Second
	// maxHeader is ample for a browser's or a proxy's headers.
	maxHeader = 32 << 10
	// maxWait bounds how long one request may wait for an answer; the client asks again.
	maxWait = 60 * time.Second
	// glance is how often the dead letters are looked at while a scan is waited for.
	glance = time.Second
	// beat keeps a stream's connection open through proxies that cut silent ones.
	beat = 15 * time.Second
	// maxStreams bounds the streams of events open at once, each of which has a consumer of the log.
	maxStreams = 256
	// streamTime bounds one write to a stream.
	streamTime = 30 * time.Second
	// poll is how often progress is looked at first; it doubles up to pollMax.
	poll = time.Millisecond
	// pollMax bounds the delay between looks.
	pollMax = 50 * time.Millisecond
	// readyTime bounds a readiness check.
	readyTime = 2 * time.Second
)
