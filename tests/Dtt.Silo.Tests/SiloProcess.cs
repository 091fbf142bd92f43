using System.Diagnostics;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Silo.Tests;

/// <summary>A real silo in a folder of its own, started and asked by the real command.</summary>
public sealed class SiloProcess : IDisposable
{
    private readonly TempFolder _folder = new();

    public string Folder => _folder.Path;

    public string Home => _folder["home"];

    public string State => Path.Combine(Home, "state");

    public int GatewayPort => Announcement.GetProperty("gateway_port").GetInt32();

    public int SiloPort => Announcement.GetProperty("silo_port").GetInt32();

    public int Process => Announcement.GetProperty("process").GetInt32();

    private JsonElement Announcement => JsonDocument.Parse(File.ReadAllText(Path.Combine(State, "silo.json"))).RootElement;

    public (int Code, string Output, string Error) Dtt(string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Repository.Built("Dtt.Cli", "dtt.dll"), .. arguments])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["DTT_HOME"] = Home;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = System.Diagnostics.Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    public string Write(string name, string content) => _folder.Write(name, content);

    public void Dispose()
    {
        _ = Dtt(["silo", "stop", "--force"]);
        _folder.Dispose();
    }
}
