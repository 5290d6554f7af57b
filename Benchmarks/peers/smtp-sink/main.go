// A mail server that takes every mail and keeps none (RFC 5321, as far as a sender needs it), and says once a second how
// many came.
//
//	GO111MODULE=off go run . 127.0.0.1:2525
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

var taken int64

func serve(connection net.Conn) {
	defer connection.Close()
	in, out := bufio.NewReader(connection), bufio.NewWriter(connection)
	say := func(line string) { out.WriteString(line + "\r\n") }
	say("220 sink ESMTP")
	for {
		// Pipelined commands (RFC 2920) are answered together.
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line) + "    ")[:4]; verb {
		case "EHLO":
			say("250-sink")
			say("250-PIPELINING")
			say("250 8BITMIME")
		case "DATA":
			say("354 go on")
			out.Flush()
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			atomic.AddInt64(&taken, 1)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			out.Flush()
			return
		default:
			say("250 ok")
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		last := int64(0)
		for range time.Tick(time.Second) {
			if now := atomic.LoadInt64(&taken); now != last {
				fmt.Printf("%d mails, %d in the last second\n", now, now-last)
				last = now
			}
		}
	}()
	for {
		if connection, err := listener.Accept(); err == nil {
			go serve(connection)
		}
	}
}
