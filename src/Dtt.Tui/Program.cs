using System.Globalization;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Tui;
using Dtt.Tui.Data;
using Terminal.Gui.App;

// dtt-tui: browse runs and datasets, sample models. A client like the command line.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string usage = "usage: dtt-tui [--cluster FOLDER]     browse runs and datasets, watch training, sample from checkpoints; ? shows the keys";
if (args is ["--help" or "-h"])
{
    Console.Out.WriteLine(usage);
    return ExitCodes.Success;
}

if (args is not ([] or ["--cluster", _]))
{
    Console.Error.WriteLine($"dtt-tui cannot make sense of '{string.Join(' ', args)}'.{Environment.NewLine}{usage}");
    return ExitCodes.BadConfiguration;
}

if (Console.IsInputRedirected || Console.IsOutputRedirected)
{
    Console.Error.WriteLine("dtt-tui needs a terminal; in a script use `dtt runs --json`.");
    return ExitCodes.BadConfiguration;
}

try
{
    if (args is [_, var cluster]) ClusterFolder.Use(cluster);
    await using var platform = new SiloPlatform();
    await platform.RunsAsync(); // an error that keeps the silo from starting is printed before the screen is taken
    Terminal.Gui.App.Application.MaximumIterationsPerSecond = 60;
    using var app = Application.Create();
    app.Init();
    app.Keyboard.KeyBindings.Clear();
    ScreenView? screen = null;
    void Redraw() => app.Invoke(() => screen?.SetNeedsDraw());
    var shell = new Shell(platform, Redraw, () => app.Invoke(() => app.RequestStop(screen!)));
    screen = new ScreenView(shell);
    using var timer = new Timer(_ => app.Invoke(() => _ = shell.RefreshAsync()), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    using var guard = new TerminalGuard(() => app.Invoke(() => app.RequestStop(screen)));
    app.Run(screen);
    return guard.Code;
}
catch (UserErrorException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return ExitCodes.Failure;
}
catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException)
{
    Console.Error.WriteLine($"the silo no longer answers ({e.Message.TrimEnd('.')}). Run the same command again; `dtt silo logs` may say why.");
    return ExitCodes.Requeue;
}
catch (Exception e)
{
    Console.Error.WriteLine($"this is a bug in DTT; please report it with the details below.{Environment.NewLine}{e}");
    return ExitCodes.Failure;
}
