package redis

import (
	"testing"
	"time"

	"github.com/portolan-io/portolan/test/servers"
)

// BenchmarkRead reads two marks and a value of 1 kB, which is what a hit costs, beside
// what go-redis takes for a GET of the value alone, from one caller and from as many as
// there are connections.
func BenchmarkRead(b *testing.B) {
	c := openTest(b, patient(Config{Addrs: []string{servers.Redis(b)}}))
	session, _ := bound(b, c)
	value, tags := make([]byte, 1000), []string{"category=12", "*"}
	if _, _, err := session.Lease(b.Context(), "goods", tags, "name", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", time.Hour); err != nil {
		b.Fatal(err)
	}
	if err := session.Fill(b.Context(), "goods", "name", value, time.Hour); err != nil {
		b.Fatal(err)
	}
	if err := c.Set(b.Context(), "name", value, time.Hour); err != nil {
		b.Fatal(err)
	}
	plain := direct(b, servers.Redis(b))
	for name, one := range map[string]func() (int, error){
		"Read": func() (int, error) {
			marks, err := session.Read(b.Context(), "goods", tags, "name")
			return len(marks.Value), err
		},
		"GET": func() (int, error) {
			got, err := plain.Get(b.Context(), c.values.value+"name").Bytes()
			return len(got), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := one(); n != len(value) || err != nil {
					b.Fatalf("%d octets, %v", n, err)
				}
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.SetParallelism(8)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if n, err := one(); n != len(value) || err != nil {
						b.Errorf("%d octets, %v", n, err)
						return
					}
				}
			})
		})
	}
}
