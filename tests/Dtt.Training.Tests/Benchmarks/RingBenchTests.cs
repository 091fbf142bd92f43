using System.Net;
using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Training.Benchmarks;
using Dtt.Training.Collectives;

namespace Dtt.Training.Tests.Benchmarks;

public sealed class RingBenchTests
{
    [Fact]
    public void Receive_FromOneThatHangsUp_SaysHowMuchIsMissing()
    {
        using var listener = RingLinks.Listen(IPAddress.Loopback);
        var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Connect(listener.LocalEndPoint!);
        using var here = listener.Accept();
        other.Send(new byte[10]);
        other.Dispose();
        Assert.Contains("with 90 of 100 bytes to come", Assert.Throws<UserErrorException>(() => RingBench.Receive(here, 100)).Message);
    }
}
