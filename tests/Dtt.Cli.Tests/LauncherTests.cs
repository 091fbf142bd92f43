using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>The launcher on a machine without .NET: a folder of links is its whole PATH.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LauncherTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public LauncherTests()
    {
        Directory.CreateDirectory(_folder["bin"]);
        foreach (var tool in new[] { "bash", "env", "sed", "find", "readlink", "mktemp", "rm", "grep", "mkdir", "flock", "touch", "cat", "chmod" })
        {
            var real = new[] { "/bin/", "/usr/bin/" }.Select(p => p + tool).First(File.Exists);
            File.CreateSymbolicLink(_folder["bin/" + tool], real);
        }

        Directory.CreateDirectory(_folder["dtt"]);
        File.Copy(Repository.At("dtt"), _folder["dtt/dtt"]);
        File.Copy(Repository.At("global.json"), _folder["dtt/global.json"]);
        foreach (var empty in new[] { "src", "build" }) Directory.CreateDirectory(_folder["dtt/" + empty]);
        foreach (var props in new[] { "Directory.Build.props", "Directory.Packages.props", "Directory.Build.targets" }) _folder.Write("dtt/" + props, "");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task WithoutSdkOffline_SaysWhatToInstall()
    {
        Tool("curl", "exit 6");
        Tool("wget", "exit 4");
        var (code, error) = await RunAsync();
        Assert.Equal(1, code);
        Assert.Contains("there is no .NET SDK 10.", error);
        Assert.Contains("it could not be fetched. Install the .NET SDK 10.", error);
    }

    [Fact]
    public async Task WithoutSdkOnline_FetchesTheOneThatGlobalJsonNames_AndBuildsWithIt()
    {
        // Stands for Microsoft's script: it "installs" a dotnet that tells what it is asked to do.
        Tool("curl", """
            while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
            cat > "$out" <<'SCRIPT'
            while [ $# -gt 0 ]; do case $1 in --install-dir) dir=$2;; --version) version=$2;; esac; shift; done
            mkdir -p "$dir"
            printf '#!/bin/bash\n[ "$1" = --version ] || echo "dotnet of %s: $*" >&2\nexit 3\n' "$version" > "$dir/dotnet"
            chmod +x "$dir/dotnet"
            SCRIPT
            """);
        var (_, error) = await RunAsync();
        Assert.Contains("fetching it into", error);
        Assert.Matches(@"dotnet of 10\.0\.\d+: build .* build/programs.proj", error);
    }

    private void Tool(string name, string body)
    {
        File.WriteAllText(_folder["bin/" + name], "#!/bin/bash\n" + body + "\n");
        File.SetUnixFileMode(_folder["bin/" + name], UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private async Task<(int Code, string Error)> RunAsync()
    {
        var start = new ProcessStartInfo(_folder["dtt/dtt"], ["runs"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        (start.Environment["PATH"], start.Environment["HOME"]) = (_folder["bin"], _folder.Path);
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
