package main

import "context"

func (b *bench) speed(context.Context) error { return nil }
