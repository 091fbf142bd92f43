using System.Runtime.CompilerServices;

namespace Dtt.Tests;

/// <summary>What suits the programs that tests start by the hundred, for they live for seconds. The tests' own processes have read theirs already.</summary>
internal static class ShortLived
{
    [ModuleInitializer]
    internal static void Start()
    {
        // Within their first minute (hexadecimal) code is not compiled once more for speed: a silo that trains one tiny model takes 3.1 s instead of 5.1.
        Environment.SetEnvironmentVariable("DOTNET_TC_CallCountingDelayMs", "10000");

        // The system's authorities, which .NET reads in every process and looks through at every handshake, though DTT's own TLS asks none of them.
        Environment.SetEnvironmentVariable("SSL_CERT_FILE", "/nowhere");
        Environment.SetEnvironmentVariable("SSL_CERT_DIR", "/nowhere");
    }
}
