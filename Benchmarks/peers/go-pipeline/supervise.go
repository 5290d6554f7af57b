package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// supervise runs every role as a process and starts it again when it ends by itself: a role ends on anything that it
// can't go on from, since outbox and inbox make a start from the last commit harmless.
func supervise(ctx context.Context) error {
	roles := [][]string{{"api"}}
	for name := range services {
		roles = append(roles, []string{name})
	}
	for name := range tables {
		if name != "projection" { // publishes nothing
			roles = append(roles, []string{"relay", name})
		}
	}
	var running sync.WaitGroup
	for _, role := range roles {
		running.Add(1)
		go func(role []string) {
			defer running.Done()
			// The kernel ends the child with the thread that started it, so the thread has to stay.
			runtime.LockOSThread()
			for ctx.Err() == nil {
				if err := runRole(ctx, role); ctx.Err() == nil {
					log.Printf("%v ended: %v", role, err)
					time.Sleep(500 * time.Millisecond)
				}
			}
		}(role)
	}
	running.Wait()
	return nil
}

func runRole(ctx context.Context, role []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(program, role...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		_ = child.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(8 * time.Second):
			_ = child.Process.Kill()
		}
	}()
	defer close(ended)
	return child.Wait()
}
