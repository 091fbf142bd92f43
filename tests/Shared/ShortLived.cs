using System.Runtime.CompilerServices;

namespace Dtt.Tests;

/// <summary>What suits the programs that tests start: they live for seconds.</summary>
internal static class ShortLived
{
    /// <summary>
    /// Compiled code is not compiled once more for speed within their first minute: a silo that trains one tiny model takes 3.1 instead of 5.1 s of
    /// processor time. They inherit it; the tests' own processes, which compute, have read their settings already.
    /// </summary>
    [ModuleInitializer]
    internal static void Start() => Environment.SetEnvironmentVariable("DOTNET_TC_CallCountingDelayMs", "10000"); // hexadecimal
}
